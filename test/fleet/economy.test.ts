import { readFileSync } from "node:fs";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunnerPhase } from "../../gen/gitpod/v1/runner_pb.js";
import {
  RenewRegistrationRequestSchema,
  RenewRegistrationResponseSchema,
} from "../../gen/rollcall/v1/agent_pb.js";
import { startTestServer, type TestServer } from "../support/server.ts";
import { live, statusOf } from "./fixture.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

/** The write-ahead log as it is now: every commit changes it, be it by growing or by starting over. */
const writeAheadLog = () => readFileSync(join(server.config.dataDir, "rollcall.db-wal")).toString("latin1");

test("a renewal without news is under 100 bytes each way", async () => {
  const agent = await live(server);
  const reply = await agent.renew();
  const request = { runnerId: agent.id, generation: 2 ** 32 - 1, appliedSpecRevision: 2 ** 32 - 1 };
  expect(
    toBinary(RenewRegistrationRequestSchema, create(RenewRegistrationRequestSchema, request)).length,
  ).toBeLessThan(100);
  expect(toBinary(RenewRegistrationResponseSchema, reply).length).toBeLessThan(100);
});

test("a renewal without news writes nothing, one that repeats the same status neither; news is written", async () => {
  const agent = await live(server);
  const status = { phase: RunnerPhase.ACTIVE, version: "2.0.0", region: "eu" } as const;
  await agent.renew({ status });
  const before = writeAheadLog();
  for (let round = 0; round < 50; round++) await agent.renew();
  for (let round = 0; round < 50; round++) await agent.renew({ status });
  await statusOf(server, agent.id);
  expect(writeAheadLog() === before).toBe(true);
  await agent.renew({ status: { ...status, version: "2.0.1" } });
  expect(writeAheadLog() === before).toBe(false);
});

test("last seen is written in batches, not with each renewal", async () => {
  const agents = [await live(server), await live(server), await live(server)];
  const before = writeAheadLog();
  server.clock.advance(2_000);
  for (const agent of agents) await agent.renew();
  expect(writeAheadLog() === before).toBe(true);
});
