import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EventService, ResourceType } from "../../gen/gitpod/v1/event_pb.js";
import { IdentityService, Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { SortOrder } from "../../gen/gitpod/v1/pagination_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { addOrganization } from "../support/database.ts";
import { newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

const logs = () => server.client(EventService);

async function create(name: string) {
  const { runner, exchangeToken } = await server
    .client(RunnerService)
    .createRunner({ name, provider: RunnerProvider.AWS_EC2 });
  return { id: runner?.runnerId ?? "", exchangeToken };
}

// What is in it: test/rpc/audit-completeness.test.ts.

describe("the audit log", () => {
  test.each([SortOrder.ASC, SortOrder.DESC])("pages through everything once, in order %s", async (order) => {
    for (let i = 0; i < 7; i += 1) {
      await create(`runner ${i}`);
      if (i % 2 === 0) server.clock.advance(1000);
    }
    const sort = { field: "createdAt", order };
    const all = (await logs().listAuditLogs({ sort, pagination: { pageSize: 100 } })).entries;
    const paged: string[] = [];
    let token = "";
    do {
      const page = await logs().listAuditLogs({ sort, pagination: { pageSize: 2, token } });
      paged.push(...page.entries.map(({ id }) => id));
      token = page.pagination?.nextToken ?? "";
    } while (token !== "");
    expect(paged).toEqual(all.map(({ id }) => id));
    expect(paged.length).toBeGreaterThanOrEqual(7);
    const times = all.map(({ createdAt }) => Number(createdAt?.seconds));
    const sorted = times.toSorted((a, b) => (order === SortOrder.ASC ? a - b : b - a));
    expect(times).toEqual(sorted);
  });

  test("is sorted by createdAt, as the contract writes it, or created_at", async () => {
    await create("one");
    server.clock.advance(1000);
    await create("two");
    const ids = async (sort?: object) =>
      (await logs().listAuditLogs(sort === undefined ? {} : { sort })).entries.map(({ id }) => id);
    const newestFirst = await ids();
    for (const field of ["", "createdAt", "created_at"]) {
      expect(await ids({ field })).toEqual(newestFirst);
      expect(await ids({ field, order: SortOrder.DESC })).toEqual(newestFirst);
      expect(await ids({ field, order: SortOrder.ASC })).toEqual(newestFirst.toReversed());
    }
  });

  test("filters by each field, and by all that are given", async () => {
    const start = server.clock.now();
    const first = await create("first");
    server.clock.advance(1000);
    const second = await create("second");
    await server.client(IdentityService, { token: null }).exchangeToken(second);
    const list = async (filter: object) =>
      (await logs().listAuditLogs({ filter })).entries.map(
        ({ action, subjectId }) => `${action} ${subjectId}`,
      );
    const created = (id: string) => `runner.create ${id}`;
    const exchanged = `runner.exchange_token ${second.id}`;
    expect(await list({ subjectIds: [first.id.toUpperCase()] })).toEqual([created(first.id)]);
    expect(await list({ subjectIds: [first.id, second.id] })).toEqual([
      exchanged,
      created(second.id),
      created(first.id),
    ]);
    expect(await list({ actorIds: [second.id] })).toEqual([exchanged]);
    expect(await list({ actorPrincipals: [Principal.RUNNER] })).toEqual([exchanged]);
    expect(await list({ subjectTypes: [ResourceType.GROUP], subjectIds: [first.id] })).toEqual([]);
    expect(await list({ actorIds: [newId()] })).toEqual([]);
    const [from, to] = [timestampFromMs(start), timestampFromMs(start + 1000)];
    expect(await list({ from, to, subjectIds: [first.id, second.id] })).toEqual([created(first.id)]);
    expect(await list({ from: to })).toEqual([exchanged, created(second.id)]);
  });

  test("refuses other orders, damaged tokens and other people", async () => {
    await create("one");
    await create("two");
    const list = (request: object) => refusal(logs().listAuditLogs(request));
    expect(await list({ sort: { field: "action" } })).toMatchObject({
      code: "invalid_argument",
      fields: ["sort.field"],
    });
    expect(await list({ sort: { field: "createdAt", order: 7 } })).toMatchObject({
      code: "invalid_argument",
      fields: ["sort.order"],
    });
    const page = await logs().listAuditLogs({ pagination: { pageSize: 1 } });
    const token = page.pagination?.nextToken ?? "";
    const damaged = { code: "invalid_argument", fields: ["pagination.token"] };
    expect(await list({ pagination: { token: `${token}A` } })).toMatchObject(damaged);
    expect(
      await list({ pagination: { token }, sort: { field: "createdAt", order: SortOrder.ASC } }),
    ).toMatchObject(damaged);
    const { accessToken } = await server
      .client(IdentityService, { token: null })
      .exchangeToken(await create("runner"));
    const asRunner = server.client(EventService, { token: accessToken });
    expect(await refusal(asRunner.listAuditLogs({}))).toMatchObject({ code: "permission_denied" });
  });

  test("gives one entry, in its own organisation alone", async () => {
    await create("read");
    const entry = (await logs().listAuditLogs({})).entries[0];
    const auditLogEntryId = entry?.id ?? "";
    const answer = await logs().getAuditLog({ auditLogEntryId });
    expect(answer.entry).toEqual(entry);
    expect(answer.details).toBeUndefined();
    expect(await refusal(logs().getAuditLog({ auditLogEntryId: newId() }))).toMatchObject({
      code: "not_found",
    });
    const elsewhere = await addOrganization(server.config.dataDir);
    server.keepSecret(elsewhere.token);
    const theirs = server.client(EventService, { token: elsewhere.token });
    expect(await refusal(theirs.getAuditLog({ auditLogEntryId }))).toMatchObject({ code: "not_found" });
    expect(
      (await theirs.listAuditLogs({ filter: { subjectIds: [entry?.subjectId ?? ""] } })).entries,
    ).toEqual([]);
  });

  test("forgets what is older than the settings keep, after a start at the latest", async () => {
    const { id } = await create("old");
    server.clock.advance(364 * 24 * 3600 * 1000);
    await server.restart();
    const filter = { subjectIds: [id] };
    expect((await logs().listAuditLogs({ filter })).entries).toHaveLength(1);
    server.clock.advance(2 * 24 * 3600 * 1000);
    await server.restart();
    // The sweep of the start runs beside the first calls.
    while ((await logs().listAuditLogs({ filter })).entries.length > 0);
  });
});
