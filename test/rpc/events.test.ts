import http from "node:http";
import http2 from "node:http2";
import type { CallOptions } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { EventService, ResourceOperation, ResourceType } from "../../gen/gitpod/v1/event_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { type Clients, clientsOf, type Wire } from "../support/clients.ts";
import { addOrganization, addToken, besideServer } from "../support/database.ts";
import { newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
// Its connections stay open while the server stops, unlike those of the test server's own clients.
let lasting: Clients;
beforeEach(async () => {
  server = await startTestServer();
  lasting = clientsOf(server.url);
});
afterEach(async () => {
  lasting.close();
  await server.close();
});

const path = "/gitpod.v1.EventService/WatchEvents";

/** An open watch: what it got, and ways to wait for more and to leave. */
function watch(
  request: Parameters<ReturnType<typeof events>["watchEvents"]>[0] = {},
  options: { wire?: Wire; token?: string; headers?: Record<string, string> } = {},
) {
  const leave = new AbortController();
  const got: string[] = [];
  const opened = Promise.withResolvers<Headers>();
  const waiting = new Set<() => void>();
  const callOptions: CallOptions = {
    signal: leave.signal,
    onHeader: opened.resolve,
  };
  const done = (async () => {
    const stream = events(options).watchEvents(request, { ...callOptions, headers: options.headers ?? {} });
    for await (const { operation, resourceType, resourceId } of stream) {
      got.push(`${ResourceOperation[operation]} ${ResourceType[resourceType]} ${resourceId}`);
      for (const look of waiting) look();
    }
  })();
  done.catch(opened.reject);
  opened.promise.catch(() => {});
  return {
    got,
    done,
    opened: opened.promise,
    async leave() {
      leave.abort();
      await done.catch(() => {});
    },
    async count(wanted: number) {
      while (got.length < wanted) {
        await Promise.race([
          done,
          new Promise<void>((resolve) => {
            waiting.add(resolve);
          }),
        ]);
        waiting.clear();
      }
    },
  };
}

function events(options: { wire?: Wire; token?: string } = {}) {
  return lasting.client(EventService, { token: adminToken, ...options });
}

async function createRunner(name = "watched", token = adminToken): Promise<string> {
  const { runner } = await server
    .client(RunnerService, { token })
    .createRunner({ name, provider: RunnerProvider.AWS_EC2 });
  return runner?.runnerId ?? "";
}

const created = (id: string) => `CREATE RUNNER ${id}`;

describe("a watch", () => {
  test.each([
    "connect-json 1.1",
    "connect-json 2",
    "connect-binary 1.1",
    "connect-binary 2",
    "grpc 2",
    "grpc-web 1.1",
  ] as const)("tells a runner's life over %s, headers first", async (wire) => {
    const life = watch({}, { wire });
    // No event has happened yet: without headers of their own this would wait for ever.
    await life.opened;
    const id = await createRunner();
    await server.client(RunnerService).updateRunner({ runnerId: id, name: "renamed" });
    await server.client(RunnerService).deleteRunner({ runnerId: id });
    await life.count(3);
    expect(life.got).toEqual([created(id), `UPDATE RUNNER ${id}`, `DELETE RUNNER ${id}`]);
    await life.leave();
  });

  test("can be read from a bare HTTP/1.1 connection, as curl does", async () => {
    const body = Buffer.from("{}");
    const envelope = Buffer.concat([Buffer.of(0, 0, 0, 0, body.length), body]);
    const request = http.request(`${server.url}${path}`, {
      method: "POST",
      agent: false,
      headers: { "content-type": "application/connect+json", authorization: `Bearer ${adminToken}` },
    });
    request.end(envelope);
    const response = await new Promise<http.IncomingMessage>((resolve) => request.once("response", resolve));
    expect(response.statusCode).toBe(200);
    const id = await createRunner();
    const chunk = await new Promise<Buffer>((resolve) => response.once("data", resolve));
    expect(JSON.parse(chunk.subarray(5).toString())).toEqual({
      operation: "RESOURCE_OPERATION_CREATE",
      resourceType: "RESOURCE_TYPE_RUNNER",
      resourceId: id,
    });
    request.on("error", () => {});
    request.destroy();
  });

  test("filters: all of an entry must match, any entry is enough", async () => {
    const me = (await besideServer(server.config.dataDir, (store) => store.accounts.first()))?.admin.id ?? "";
    const other = newId();
    const first = await createRunner("first");
    const runner = ResourceType.RUNNER;
    const byId = watch({
      resourceTypeFilters: [{ resourceType: runner, resourceIds: [first.toUpperCase()] }],
    });
    const both = watch({
      resourceTypeFilters: [{ resourceType: runner, resourceIds: [first], creatorIds: [other] }],
    });
    const mine = watch({ resourceTypeFilters: [{ resourceType: runner, creatorIds: [me] }] });
    const groups = watch({ resourceTypeFilters: [{ resourceType: ResourceType.GROUP }] });
    const either = watch({
      resourceTypeFilters: [
        { resourceType: ResourceType.GROUP },
        { resourceType: runner, resourceIds: [first] },
      ],
    });
    const environment = watch({ scope: { case: "environmentId", value: other } });
    const organization = watch({ scope: { case: "organization", value: false } });
    const all = [byId, both, mine, groups, either, environment, organization];
    await Promise.all(all.map(({ opened }) => opened));
    const second = await createRunner("second");
    await server.client(RunnerService).updateRunner({ runnerId: first, name: "renamed" });
    const last = `UPDATE RUNNER ${first}`;
    await Promise.all([byId.count(1), either.count(1), mine.count(2), organization.count(2)]);
    expect(byId.got).toEqual([last]);
    expect(either.got).toEqual([last]);
    expect(mine.got).toEqual([created(second), last]);
    expect(organization.got).toEqual([created(second), last]);
    expect([both.got, groups.got, environment.got]).toEqual([[], [], []]);
    await Promise.all(all.map((one) => one.leave()));
  });

  test("refuses filters that the contract refuses", async () => {
    const bad = watch({
      resourceTypeFilters: [{ resourceType: ResourceType.RUNNER, resourceIds: ["no uuid"] }],
    });
    expect(await refusal(bad.done)).toMatchObject({ code: "invalid_argument" });
  });

  test("tells nobody of what it may not see", async () => {
    const elsewhere = await addOrganization(server.config.dataDir);
    server.keepSecret(elsewhere.token);
    const theirs = watch({}, { token: elsewhere.token });
    await theirs.opened;
    await createRunner("ours");
    const id = await createRunner("theirs", elsewhere.token);
    await theirs.count(1);
    expect(theirs.got).toEqual([created(id)]);
    await theirs.leave();
  });

  test("ends within a second when its token is revoked from the command line", async () => {
    const first = await besideServer(server.config.dataDir, (store) => store.accounts.first());
    const admin = { organizationId: first?.organization.id ?? "", subjectId: first?.admin.id ?? "" };
    const { id, secret } = await addToken(server.config.dataDir, admin);
    const open = watch({}, { token: secret });
    await open.opened;
    const by = { actor: { id: admin.subjectId, principal: 2 }, sourceAddress: "", userAgent: "" } as const;
    await besideServer(server.config.dataDir, (store) =>
      store.tokens.revokeAccessToken({ ...by, organizationId: admin.organizationId }, id, server.clock.now()),
    );
    const revokedAt = performance.now();
    expect(await refusal(open.done)).toMatchObject({ code: "unauthenticated", reason: "TOKEN_REVOKED" });
    expect(performance.now() - revokedAt).toBeLessThan(1000);
  });

  test("is told when the server stops", async () => {
    const open = watch({}, { headers: { "x-watch-cursor": "new" } });
    await open.opened;
    const end = refusal(open.done);
    await server.restart();
    expect(await end).toMatchObject({ code: "unavailable" });
  });

  test("a client that never reads holds up nobody, and gets everything when it does", async () => {
    const session = http2.connect(server.url);
    const idle = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/connect+json",
      authorization: `Bearer ${adminToken}`,
    });
    idle.end(Buffer.from("\0\0\0\0\x02{}", "latin1"));
    await new Promise((resolve) => idle.once("response", resolve));
    idle.pause();
    const quick = watch();
    await quick.opened;
    const ids: string[] = [];
    for (let i = 0; i < 300; i += 20) {
      ids.push(...(await Promise.all(Array.from({ length: 20 }, (_, j) => createRunner(`many ${i + j}`)))));
    }
    await quick.count(300);
    expect(quick.got.toSorted()).toEqual(ids.map(created).toSorted());
    let text = "";
    idle.resume();
    idle.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    while ((text.match(/"resourceId"/g) ?? []).length < 300) {
      await new Promise((resolve) => idle.once("data", resolve));
    }
    session.destroy();
    await quick.leave();
  });
});

describe("resuming", () => {
  test("sees every event exactly once, wherever the stream is cut", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 6 }), async (cuts) => {
        const seen: string[] = [];
        const wanted: string[] = [];
        let cursor = "new";
        let received = 0;
        for (const cut of [...cuts, null]) {
          const part = watch(
            {},
            { wire: "grpc 2", headers: { "x-watch-cursor": cursor, "x-watch-received": String(received) } },
          );
          const header = (await part.opened).get("x-watch-cursor") ?? "";
          expect(header).not.toBe("");
          for (let i = 0; i < 3; i += 1) wanted.push(created(await createRunner()));
          await part.count(Math.min(cut ?? Number.MAX_SAFE_INTEGER, wanted.length - seen.length));
          await part.leave();
          // What arrived after the cut is what the client has received all the same.
          seen.push(...part.got);
          cursor = header;
          received = part.got.length;
        }
        expect(seen).toEqual(wanted);
      }),
      { numRuns: 8 },
    );
  });

  test("goes on from the trailer of a stream that the server ended, over a restart", async () => {
    const first = watch({}, { headers: { "x-watch-cursor": "new" } });
    await first.opened;
    await createRunner();
    await first.count(1);
    const ended = refusal(first.done);
    await server.restart();
    await ended;
    const cursor = (await ended).headers.get("x-watch-end-cursor") ?? "";
    lasting.close();
    lasting = clientsOf(server.url);
    const id = await createRunner();
    const second = watch({}, { headers: { "x-watch-cursor": cursor } });
    await second.count(1);
    expect(second.got).toEqual([created(id)]);
    await second.leave();
  });

  test("needs a cursor of the same caller and the same filter", async () => {
    const open = watch({}, { headers: { "x-watch-cursor": "new" } });
    const cursor = (await open.opened).get("x-watch-cursor") ?? "";
    await open.leave();
    const elsewhere = await addOrganization(server.config.dataDir);
    server.keepSecret(elsewhere.token);
    const again = (headers: Record<string, string>, request = {}, token = adminToken) =>
      refusal(watch(request, { headers, token }).done);
    const refused = { code: "invalid_argument", reason: "WATCH_CURSOR_INVALID" };
    const groups = { resourceTypeFilters: [{ resourceType: ResourceType.GROUP }] };
    expect(await again({ "x-watch-cursor": "AAAA" })).toMatchObject(refused);
    expect(await again({ "x-watch-cursor": `${cursor.slice(0, -2)}xx` })).toMatchObject(refused);
    expect(await again({ "x-watch-cursor": cursor }, groups)).toMatchObject(refused);
    expect(await again({ "x-watch-cursor": cursor }, {}, elsewhere.token)).toMatchObject(refused);
    for (const received of ["1", "-1", "x", "1e3"]) {
      expect(await again({ "x-watch-cursor": cursor, "x-watch-received": received })).toMatchObject(refused);
    }
  });

  test("says so when events were removed meanwhile", async () => {
    const open = watch({}, { headers: { "x-watch-cursor": "new" } });
    const cursor = (await open.opened).get("x-watch-cursor") ?? "";
    await open.leave();
    await createRunner();
    server.clock.advance(25 * 60 * 60 * 1000);
    await server.restart();
    lasting.close();
    lasting = clientsOf(server.url);
    const late = watch({}, { headers: { "x-watch-cursor": cursor } });
    expect(await refusal(late.done)).toMatchObject({ code: "aborted", reason: "EVENTS_LOST" });
  });
});
