import { createHash } from "node:crypto";
import { join } from "node:path";
import { create as message, toBinary } from "@bufbuild/protobuf";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { CreateRunnerRequestSchema, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { addOrganization } from "../support/database.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const provider = RunnerProvider.AWS_EC2;
const create = (key: string, name = "retried", token?: string) =>
  server
    .client(RunnerService, { headers: { "idempotency-key": key }, ...(token !== undefined && { token }) })
    .createRunner({ name, provider });
const named = async (name: string) => {
  const { runners } = await server.client(RunnerService).listRunners({ pagination: { pageSize: 100 } });
  return runners.filter((runner) => runner.name === name);
};

test("a retried create gives the first answer again, its one-time token included, and makes one runner", async () => {
  const first = await create("create-1");
  server.clock.advance(60_000);
  expect(await create("create-1")).toEqual(first);
  await server.restart();
  expect(await create("create-1")).toEqual(first);
  expect(await named("retried")).toHaveLength(1);
});

test("twins in flight make one runner", async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => create("create-2", "twin")));
  expect(new Set(answers.map(({ exchangeToken }) => exchangeToken)).size).toBe(1);
  expect(await named("twin")).toHaveLength(1);
});

test("another request under the same key is refused", async () => {
  await create("create-3", "original");
  const refused = await refusal(create("create-3", "different"));
  expect(refused).toMatchObject({ code: "invalid_argument", reason: "IDEMPOTENCY_KEY_REUSED" });
  expect(await named("different")).toHaveLength(0);
});

test("the key belongs to its caller, and is forgotten after a day", async () => {
  const other = await addOrganization(server.config.dataDir);
  server.keepSecret(other.token);
  const ours = await create("create-4", "shared key");
  const theirs = await create("create-4", "shared key", other.token);
  expect(theirs.runner?.runnerId).not.toBe(ours.runner?.runnerId);
  server.clock.advance(24 * 60 * 60 * 1000 + 1);
  expect((await create("create-4", "shared key")).runner?.runnerId).not.toBe(ours.runner?.runnerId);
});

test("what is stored of the request tells nothing to who guesses at it", async () => {
  await create("create-5", "guessed");
  const request = message(CreateRunnerRequestSchema, { name: "guessed", provider });
  const guess = createHash("sha256").update(toBinary(CreateRunnerRequestSchema, request)).digest();
  const database = new Database(join(server.config.dataDir, "rollcall.db"), { readonly: true });
  try {
    const stored = database.prepare("SELECT request_hash FROM idempotent_calls").pluck().all();
    expect(stored.length).toBeGreaterThan(0);
    expect(stored).not.toContainEqual(guess);
  } finally {
    database.close();
  }
});
