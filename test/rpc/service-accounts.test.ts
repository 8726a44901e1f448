import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ResourceType } from "../../gen/gitpod/v1/event_pb.js";
import { GroupService, ResourceRole } from "../../gen/gitpod/v1/group_pb.js";
import { IdentityService, Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { ServiceAccountService } from "../../gen/gitpod/v1/service_account_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { eventually } from "../support/eventually.ts";
import { newOrganization, newServiceAccount, newUser, type Someone } from "../support/people.ts";
import { refusal, refusals } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const dayMs = 24 * 60 * 60 * 1000;

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

const accounts = (who?: Pick<Someone, "token">) =>
  server.client(ServiceAccountService, who === undefined ? {} : { token: who.token });
const whoIs = (token: string) => server.client(IdentityService, { token }).getAuthenticatedIdentity({});
const inADay = () => timestampFromMs(server.clock.now() + dayMs);

describe("service accounts", () => {
  test("are made, read, changed and deleted by admins", async () => {
    const made = await accounts().createServiceAccount({
      name: "ci",
      description: "the pipeline",
      validUntil: inADay(),
    });
    const id = made.serviceAccount?.id ?? "";
    expect(made.serviceAccount).toMatchObject({ name: "ci", suspended: false, systemManaged: false });
    const read = await accounts().getServiceAccount({ serviceAccountId: id.toUpperCase() });
    expect(read.serviceAccount).toEqual(made.serviceAccount);
    const renamed = await accounts().updateServiceAccount({ serviceAccountId: id, name: "cd" });
    expect(renamed.serviceAccount).toMatchObject({ name: "cd", description: "the pipeline" });
    const cleared = await accounts().updateServiceAccount({ serviceAccountId: id, description: "" });
    expect(cleared.serviceAccount).toMatchObject({ name: "cd", description: "" });
    await accounts().deleteServiceAccount({ serviceAccountId: id });
    const { serviceAccount } = await accounts().getServiceAccount({ serviceAccountId: id });
    expect(serviceAccount).toEqual({ ...cleared.serviceAccount, suspended: true });
  });

  test("stay readable when they are deleted, suspended for good, and leave their name to others", async () => {
    const deleted = await newServiceAccount(server, "ci");
    const asked = { serviceAccountId: deleted.id };
    const groups = server.client(GroupService);
    const { organizationId } = deleted;
    const groupId = (await groups.createGroup({ organizationId, name: "robots" })).group?.id ?? "";
    const subject = { id: deleted.id, principal: Principal.SERVICE_ACCOUNT };
    await groups.createMembership({ groupId, subject });
    await accounts().deleteServiceAccount(asked);

    const listed = async (filter: object) =>
      (await accounts().listServiceAccounts({ filter })).serviceAccounts.map(({ id }) => id);
    expect(await listed({})).toEqual([]);
    expect(await listed({ serviceAccountIds: [deleted.id] })).toEqual([]);
    expect(await listed({ includeSuspended: true })).toEqual([deleted.id]);
    expect((await accounts().getServiceAccount(asked)).serviceAccount?.suspended).toBe(true);
    expect(await refusal(whoIs(deleted.token))).toMatchObject({ reason: "SERVICE_ACCOUNT_DELETED" });
    expect((await groups.listMemberships({ groupId })).members).toEqual([]);
    const share = { resourceType: ResourceType.GROUP, resourceId: groupId };
    const principal = { principal: subject.principal, principalId: subject.id };
    const gone = { code: "not_found", reason: "SERVICE_ACCOUNT_NOT_FOUND" };
    const nobody = { code: "not_found", reason: "PRINCIPAL_NOT_FOUND" };
    for (const [call, refused] of [
      [accounts().deleteServiceAccount(asked), gone],
      [accounts().updateServiceAccount({ ...asked, name: "back" }), gone],
      [accounts().createServiceAccountAccessToken(asked), gone],
      [server.client(AdminService).resumeServiceAccount(asked), gone],
      [groups.createMembership({ groupId, subject }), nobody],
      [
        groups.shareResourceWithPrincipal({ ...share, ...principal, role: ResourceRole.GROUP_VIEWER }),
        nobody,
      ],
    ] as const) {
      expect(await refusal(call)).toMatchObject(refused);
    }

    const second = await newServiceAccount(server, "ci");
    expect(await listed({ search: "ci" })).toEqual([second.id]);
    await accounts().deleteServiceAccount({ serviceAccountId: second.id });
    await newServiceAccount(server, "ci");
    expect(await listed({ search: "ci", includeSuspended: true })).toHaveLength(3);
    expect(await refusal(newServiceAccount(server, "ci"))).toMatchObject({
      reason: "SERVICE_ACCOUNT_NAME_TAKEN",
    });
  });

  test("are for admins to change: members see them, strangers and the accounts themselves cannot touch them", async () => {
    const { id } = await newServiceAccount(server, "ci");
    const other = await newServiceAccount(server, "other");
    const member = await newUser(server);
    const stranger = await newOrganization(server);
    const asked = { serviceAccountId: id };
    expect((await accounts(member).getServiceAccount(asked)).serviceAccount?.name).toBe("ci");
    for (const [who, code] of [
      [member, "permission_denied"],
      [stranger, "not_found"],
      [other, "not_found"],
    ] as const) {
      for (const refused of await refusals([
        accounts(who).updateServiceAccount({ ...asked, name: "mine" }),
        accounts(who).deleteServiceAccount(asked),
      ])) {
        expect(refused).toMatchObject({ code });
      }
    }
    for (const who of [member, other]) {
      const refused = await refusal(
        accounts(who).createServiceAccount({ name: "mine", validUntil: inADay() }),
      );
      expect(refused).toMatchObject({ code: "permission_denied", reason: "ROLE_MISSING" });
    }
    expect((await accounts(other).listServiceAccounts({})).serviceAccounts.map((a) => a.id)).toEqual([
      other.id,
    ]);
  });

  test("refuse what cannot be: no end, an end in the past, a name that is taken", async () => {
    expect(await refusal(accounts().createServiceAccount({ name: "ci" }))).toMatchObject({
      code: "invalid_argument",
      fields: ["valid_until"],
    });
    const past = accounts().createServiceAccount({
      name: "ci",
      validUntil: timestampFromMs(server.clock.now()),
    });
    expect(await refusal(past)).toMatchObject({
      code: "invalid_argument",
      rules: ["service_account.valid_until.future"],
    });
    await newServiceAccount(server, "ci");
    const { id } = await newServiceAccount(server, "cd");
    for (const refused of await refusals([
      accounts().createServiceAccount({ name: "ci", validUntil: inADay() }),
      accounts().updateServiceAccount({ serviceAccountId: id, name: "ci" }),
    ])) {
      expect(refused).toMatchObject({
        code: "already_exists",
        reason: "SERVICE_ACCOUNT_NAME_TAKEN",
      });
    }
  });

  test("are found by id, by part of name, description or id in any case, and suspended ones on request", async () => {
    const release = await newServiceAccount(server, "Größe-Release");
    const nightly = await newServiceAccount(server, "nightly");
    const described = { serviceAccountId: release.id, description: "Für Ämter" };
    await accounts().updateServiceAccount(described);
    await server.client(AdminService).suspendServiceAccount({ serviceAccountId: nightly.id });
    const listed = async (filter: object) =>
      (await accounts().listServiceAccounts({ filter })).serviceAccounts.map(({ id }) => id);
    expect(await listed({})).toEqual([release.id]);
    expect(await listed({ includeSuspended: true })).toEqual([nightly.id, release.id]);
    expect(await listed({ search: "GRÖSSE" })).toEqual([]);
    expect(await listed({ search: "GRÖßE-r" })).toEqual([release.id]);
    expect(await listed({ search: "%" })).toEqual([]);
    expect(await listed({ search: "für äMTER" })).toEqual([release.id]);
    expect(await listed({ search: release.id.slice(9).toUpperCase() })).toEqual([release.id]);
    expect(await listed({ serviceAccountIds: [nightly.id.toUpperCase()], includeSuspended: true })).toEqual([
      nightly.id,
    ]);
  });
});

test("a deleted service account is kept as long as the audit entry of its deletion", async () => {
  const { id: serviceAccountId } = await newServiceAccount(server, "ci");
  const { id: other } = await newServiceAccount(server, "stays");
  await accounts().deleteServiceAccount({ serviceAccountId });
  server.clock.advance(server.config.retention.auditMs + 1);
  await server.restart();
  const asked = () => refusal(accounts().getServiceAccount({ serviceAccountId }));
  const gone = await eventually(asked);
  expect(gone).toMatchObject({ code: "not_found", reason: "SERVICE_ACCOUNT_NOT_FOUND" });
  expect((await accounts().getServiceAccount({ serviceAccountId: other })).serviceAccount?.name).toBe(
    "stays",
  );
});

test("a time that no date can be is refused, where the binary form can say it", async () => {
  const create = (validUntil: { seconds: bigint; nanos: number }) =>
    server.client(ServiceAccountService).createServiceAccount({ name: "far away", validUntil });
  for (const validUntil of [
    { seconds: 2n ** 63n - 1n, nanos: 0 },
    { seconds: -(2n ** 63n), nanos: 0 },
    { seconds: 2_000_000_000n, nanos: -1 },
    { seconds: 2_000_000_000n, nanos: 2 ** 31 - 1 },
  ]) {
    const { code, fields } = await refusal(create(validUntil));
    expect({ code, fields }).toEqual({ code: "invalid_argument", fields: ["valid_until"] });
  }
});
