import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EventService, ResourceType } from "../../gen/gitpod/v1/event_pb.js";
import { Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { UserService } from "../../gen/gitpod/v1/user_pb.js";
import { runInProcess } from "../support/command-in-process.ts";
import { operator } from "../support/people.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { recordAudit } from "./audit/record.ts";

// What is done without a call: by the server at its start, and by hand on its machine.

const system = "00000000-0000-0000-0000-000000000000";
const byTheServer = {
  actorId: system,
  actorPrincipal: Principal.UNSPECIFIED,
  sourceAddress: "",
  userAgent: "rollcall serve",
};

let server: TestServer;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rollcall-audit-"));
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

/** Everything that was ever written, oldest first. */
function everything() {
  const record = recordAudit(server.config.dataDir);
  try {
    return record.take();
  } finally {
    record.close();
  }
}

describe("the first start", () => {
  test.each([
    ["mints the admin's token", null],
    ["is given it by a setting", "a-token-that-was-set"],
  ])("%s, and leaves the server's entries", async (_what, adminToken) => {
    server = await startTestServer({ config: { adminToken } });
    const createdAt = server.clock.now();
    const entries = everything();
    expect(entries.map(({ action, subjectType }) => [action, subjectType])).toEqual([
      ["organization.create", ResourceType.ORGANIZATION],
      ["user.create", ResourceType.USER],
      ["access_token.create", ResourceType.PERSONAL_ACCESS_TOKEN],
    ]);
    for (const entry of entries) expect(entry).toMatchObject({ ...byTheServer, createdAt });
    const [organization] = entries;
    for (const entry of entries) expect(entry.organizationId).toBe(organization?.subjectId);
    await server.restart();
    expect(everything()).toEqual(entries);
  });

  test("is found by filtering for its actor, and the token by its id", async () => {
    server = await startTestServer();
    const logs = server.client(EventService);
    const { entries } = await logs.listAuditLogs({ filter: { actorIds: [system] } });
    expect(entries.map(({ action, actorId }) => [action, actorId])).toEqual([
      ["access_token.create", system],
      ["user.create", system],
      ["organization.create", system],
    ]);
    const { personalAccessTokens } = await server.client(UserService).listPersonalAccessTokens({});
    expect(personalAccessTokens.map(({ id }) => id)).toEqual([entries[0]?.subjectId]);
    expect(entries[1]?.subjectId).toBe(personalAccessTokens[0]?.userId);
  });
});

test("another token in the settings replaces the last one: both are entries of the server", async () => {
  const adminTokenFile = join(folder, "token");
  writeFileSync(adminTokenFile, "the-first-token");
  server = await startTestServer({ config: { adminToken: null, adminTokenFile } });
  server.keepSecret("the-first-token", "the-second-token");
  const before = everything();
  writeFileSync(adminTokenFile, "the-second-token");
  server.clock.advance(1000);
  await server.restart();
  const after = everything().slice(before.length);
  expect(after.map(({ action }) => action)).toEqual(["access_token.revoke", "access_token.create"]);
  const [revoked, minted] = after;
  expect(revoked?.subjectId).toBe(before.at(-1)?.subjectId);
  expect(minted?.subjectId).not.toBe(revoked?.subjectId);
  for (const entry of after) expect(entry).toMatchObject({ ...byTheServer, createdAt: server.clock.now() });
});

test("rollcall token create and revoke leave an entry each, of the admin on the machine", async () => {
  server = await startTestServer();
  const before = everything().length;
  const command = (...words: string[]) =>
    runInProcess(["token", ...words, "--data-dir", server.config.dataDir]);
  const made = await command("create", "--description", "by hand");
  expect(made.code).toBe(0);
  server.keepSecret(made.stdout.trim());
  const listed = JSON.parse((await command("list", "--output", "json")).stdout);
  const id = listed.find((token: { description: string }) => token.description === "by hand").id;
  expect((await command("revoke", id)).code).toBe(0);
  expect((await command("revoke", id)).code).toBe(1);
  const entries = everything().slice(before);
  expect(entries.map(({ action, subjectId }) => [action, subjectId])).toEqual([
    ["access_token.create", id],
    ["access_token.revoke", id],
  ]);
  const admin = await operator(server);
  for (const entry of entries) {
    expect(entry).toMatchObject({
      organizationId: admin.organizationId,
      actorId: admin.id,
      actorPrincipal: Principal.USER,
      subjectType: ResourceType.PERSONAL_ACCESS_TOKEN,
      sourceAddress: "",
      userAgent: "rollcall token",
    });
    // The commands have the server do it, by its clock.
    expect(entry.createdAt).toBe(server.clock.now());
  }
});
