import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { systemClock } from "../../src/lib/clock.ts";
import { uuidv7Source } from "../../src/lib/ids.ts";
import { wires } from "../support/clients.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const request = { name: "unlucky", provider: RunnerProvider.GCP };
let server: TestServer;
/** What the source of ids throws, once set. */
let fault: Error | undefined;

beforeEach(async () => {
  fault = undefined;
  const ids = uuidv7Source(systemClock);
  server = await startTestServer({
    newId: () => {
      if (fault !== undefined) throw fault;
      return ids();
    },
  });
});
afterEach(() => server.close());

test.each(wires)("over %s the caller learns an id that the log has too, and nothing else", async (wire) => {
  fault = new TypeError("cannot read properties of /etc/rollcall/internals");
  const error = await refusal(server.client(RunnerService, { wire }).createRunner(request));
  const id = /^internal error ([0-9a-f-]{36}): quote this id to the operator of the server$/.exec(
    error.message,
  )?.[1];
  expect(error).toMatchObject({ code: "internal", fields: [], reason: undefined });
  expect(id).toBeDefined();
  expect(JSON.stringify([error, ...error.headers])).not.toContain("internals");
  const line = server.log.lines().find(({ errorId }) => errorId === id);
  expect(line).toMatchObject({ level: 50, err: { type: "TypeError", message: fault.message } });
});

test("the server goes on after an internal error", async () => {
  fault = new Error("once");
  expect((await refusal(server.client(RunnerService).createRunner(request))).code).toBe("internal");
  fault = undefined;
  expect((await server.client(RunnerService).createRunner(request)).runner?.name).toBe("unlucky");
});

test("a database that broke underneath leaks neither its words nor its path", async () => {
  const { runner } = await server.client(RunnerService).createRunner(request);
  const database = new Database(join(server.config.dataDir, "rollcall.db"));
  // Bytes that are no message: field 1 with a group that never ends.
  database.prepare("UPDATE runners SET spec = x'0bff'").run();
  database.close();
  const answer = await server.post("gitpod.v1.RunnerService/GetRunner", { runnerId: runner?.runnerId });
  expect([answer.status, answer.json().code]).toEqual([500, "internal"]);
  const id = String(answer.headers["x-error-id"]);
  expect(answer.json().message).toContain(id);
  expect(answer.text).not.toMatch(/sqlite|rollcall\.db|\.ts:|premature|invalid/i);
  expect(server.log.text()).toContain(id);
});

test("a failing authentication is an internal error too, not a refusal of the token", async () => {
  const now = server.clock.now.bind(server.clock);
  Object.assign(server.clock, {
    // For what happens around a call alone: what runs by itself meanwhile has its time.
    now: () => {
      if (new Error().stack?.includes("/rpc/call/")) throw new Error("the clock broke at /dev/rtc");
      return now();
    },
  });
  const error = await refusal(server.client(IdentityService).getAuthenticatedIdentity({}));
  Object.assign(server.clock, { now });
  expect(error.code).toBe("internal");
  expect(error.message).not.toContain("rtc");
  expect(server.log.text()).toContain("the clock broke at /dev/rtc");
});
