import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ResourceType as ContractType } from "../../gen/gitpod/v1/event_pb.js";
import { ResourceRole as ContractRole } from "../../gen/gitpod/v1/group_pb.js";
import { authorityOf, noAuthority } from "../../src/domain/access/authority.ts";
import { Principal } from "../../src/domain/access/principal.ts";
import { ForeignResourceType, ResourceType } from "../../src/domain/access/resources.ts";
import { canBeGranted, ResourceRole } from "../../src/domain/access/roles.ts";

const contractRoles = Object.entries(ContractRole).filter(([, number]) => typeof number === "number") as [
  string,
  number,
][];
const types = Object.values(ContractType).filter((number) => typeof number === "number");

describe("role numbers", () => {
  test("are those of the contract", () => {
    expect(contractRoles).toEqual(expect.arrayContaining(Object.entries(ResourceRole)));
    const contractTypes = Object.entries(ContractType);
    const ours = Object.entries({ ...ResourceType, ...ForeignResourceType });
    expect(contractTypes).toEqual(expect.arrayContaining(ours));
  });

  test("can each be granted on one type of resource, but for those of being something and of teams", () => {
    for (const [name, role] of contractRoles) {
      const grantable = types.filter((type) => canBeGranted(role, type));
      const never = name === "UNSPECIFIED" || name.endsWith("_IDENTITY") || name.startsWith("TEAM_");
      expect([name, grantable.length]).toEqual([name, never ? 0 : 1]);
    }
  });

  test("that take effect are those that the documentation lists", () => {
    const text = readFileSync(join(import.meta.dirname, "../../docs/access.md"), "utf8");
    const listed = [...text.matchAll(/^\| `RESOURCE_ROLE_(\w+)`/gm)].map(([, name]) => name);
    const effective = Object.keys(ResourceRole).filter((name) => name !== "UNSPECIFIED");
    expect(listed.sort()).toEqual(effective.sort());
  });
});

describe("authority", () => {
  const grants = (...organizationRoles: number[]) => ({ groupIds: ["a"], organizationRoles });

  test("of an admin of the organisation holds every other", () => {
    expect(authorityOf(Principal.USER, grants(ResourceRole.ORG_ADMIN))).toEqual({
      orgAdmin: true,
      member: true,
      runnersAdmin: true,
      groupsAdmin: true,
      auditReader: true,
      groupIds: ["a"],
    });
  });

  test.each([
    [ResourceRole.ORG_MEMBER, "member"],
    [ResourceRole.ORG_RUNNERS_ADMIN, "runnersAdmin"],
    [ResourceRole.ORG_GROUPS_ADMIN, "groupsAdmin"],
    [ResourceRole.ORG_AUDIT_LOG_READER, "auditReader"],
  ])("of role %i is %s and nothing else", (role, power) => {
    const { groupIds, ...powers } = authorityOf(Principal.SERVICE_ACCOUNT, grants(role));
    expect(Object.entries(powers).filter(([, has]) => has)).toEqual([[power, true]]);
  });

  test("does not come from roles without effect, nor from roles on single resources", () => {
    const effective = new Set<number>([1, 2, 50, 53, 64]);
    const others = contractRoles.map(([, role]) => role).filter((role) => !effective.has(role));
    expect(authorityOf(Principal.USER, grants(...others))).toEqual({ ...noAuthority, groupIds: ["a"] });
  });

  test("is never a runner's", () => {
    expect(authorityOf(Principal.RUNNER, grants(ResourceRole.ORG_ADMIN))).toEqual(noAuthority);
  });
});
