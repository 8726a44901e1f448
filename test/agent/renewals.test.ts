import { toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunnerPhase } from "../../gen/gitpod/v1/runner_pb.js";
import { RenewRegistrationRequestSchema } from "../../gen/rollcall/v1/agent_pb.js";
import { until } from "../support/eventually.ts";
import { Bench } from "./support/bench.ts";
import { refusal, unavailable } from "./support/fake-server.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.open();
});
afterEach(() => bench.close());

const renewed = (count: number) => until(`renewal ${count}`, () => bench.server.renewals.length >= count);

test("reports everything at first, then nothing but news, when the server says", async () => {
  const agent = bench.start();
  await renewed(1);
  expect(bench.server.renewals[0]).toMatchObject({
    generation: 0,
    status: {
      phase: RunnerPhase.ACTIVE,
      message: "",
      version: "test-agent/1",
      region: "eu-1",
      capabilities: { values: [3] },
      additionalInfo: { entries: [{ key: "rack", value: "b12" }] },
    },
  });
  await until("registered", () => bench.log.some(({ message }) => message === "registered"));
  await agent.time.advance(29_900);
  expect(bench.server.renewals).toHaveLength(1);
  await agent.time.advance(200);
  await renewed(2);
  const second = bench.server.renewals[1];
  expect(second?.generation).toBe(1);
  expect(second?.status).toBeUndefined();
  if (second) expect(toBinary(RenewRegistrationRequestSchema, second).length).toBeLessThan(100);
});

test.each([
  ["TOKEN_EXPIRED", Code.Unauthenticated, 10],
  ["TOKEN_REVOKED", Code.Unauthenticated, 11],
  ["TOKEN_UNKNOWN", Code.Unauthenticated, 12],
  ["RUNNER_DELETED", Code.Unauthenticated, 14],
  ["SUPERSEDED", Code.Aborted, 15],
  ["WRONG_RUNNER", Code.PermissionDenied, 16],
])("%s ends it without signing off", async (reason, code, exitCode) => {
  const agent = bench.start();
  await renewed(1);
  await until("registered", () => bench.log.some(({ message }) => message === "registered"));
  bench.server.renew = () => {
    throw refusal(reason, code);
  };
  await agent.time.advance(30_000);
  const end = await agent.end;
  expect(end).toMatchObject({ kind: reason, exitCode });
  expect(end.message).toContain(reason);
  expect(bench.server.signOffs).toEqual([]);
});

test("a refusal that came later than this agent ends it by its code", async () => {
  bench.server.renew = () => {
    throw refusal("RUNNER_BANNED", Code.PermissionDenied);
  };
  const end = await bench.start().end;
  expect(end).toMatchObject({ kind: "NOT_A_RUNNER", exitCode: 17 });
  expect(end.message).toContain("RUNNER_BANNED");
});

test("refusals without a reason of the server's own are sat out for as long as they last", async () => {
  const foreign = refusal("TOKEN_REVOKED", Code.Unauthenticated, "mesh.example");
  const refusals = [Code.Unauthenticated, Code.PermissionDenied, Code.Unimplemented].map(
    (code) => new ConnectError("who are you", code),
  );
  bench.server.renew = () => {
    throw refusals[bench.server.renewals.length % 4] ?? foreign;
  };
  const agent = bench.start();
  for (let tries = 1; tries <= 120; tries += 1) {
    await until(`failure ${tries}`, () => bench.delays().length >= tries);
    await agent.time.advance(bench.delays()[tries - 1] ?? 0);
  }
  expect(Math.max(...bench.delays())).toBeLessThanOrEqual(15_000);
  bench.server.renew = () => ({});
  await agent.time.advance(15_000);
  await until("registered", () => bench.log.some(({ message }) => message === "registered"));
});

test("complains of the same once a minute, of something else at once, and says once that it is over", async () => {
  const lines = (text: string) =>
    bench.log.filter(({ level, message }) => level !== "debug" && message.startsWith(text));
  const agent = bench.start();
  await until("registered", () => lines("registered").length === 1);
  let words = "first";
  bench.server.renew = () => {
    throw new ConnectError(words, Code.Unavailable);
  };
  let failed = 0;
  const fail = async (tries: number) => {
    for (let more = 0; more < tries; more += 1) {
      await agent.time.advance(failed === 0 ? 30_000 : (bench.delays()[failed - 1] ?? 0));
      failed += 1;
      await until(`failure ${failed}`, () => bench.delays().length === failed);
    }
  };
  await fail(7);
  expect(lines("could not renew")).toHaveLength(1);
  words = "second";
  await fail(2);
  expect(lines("could not renew")).toHaveLength(2);
  await fail(8);
  expect(lines("could not renew").length).toBeGreaterThan(2);
  for (let id = 0; id < 40; id += 1) {
    words = `internal error ${id}`;
    await fail(1);
  }
  // 40 tries take eight minutes, of at most four lines each.
  expect(lines("could not renew").length).toBeLessThan(40);
  bench.server.renew = () => ({});
  await agent.time.advance(15_000);
  await until("over", () => lines("registered again").length === 1);
  expect(lines("registered again")).toHaveLength(1);
});

test.each(["GENERATION_UNKNOWN", "GENERATION_ENDED"])("%s opens a new generation at once", async (reason) => {
  const agent = bench.start();
  await until("registered", () => bench.log.some(({ message }) => message === "registered"));
  bench.server.renew = (request) => {
    if (request.generation !== 0) throw refusal(reason, Code.FailedPrecondition);
    return {};
  };
  await agent.time.advance(30_000);
  await renewed(3);
  expect(bench.server.renewals.map(({ generation }) => generation)).toEqual([0, 1, 0]);
  expect(bench.server.renewals[2]?.status?.version).toBe("test-agent/1");
});

test("an outage is sat out in waits that end before the lease does, and grow to their cap after it", async () => {
  const agent = bench.start();
  await until("registered", () => bench.log.some(({ message }) => message === "registered"));
  await bench.server.stop();
  await agent.time.advance(30_000);
  for (let tries = 1; tries <= 11; tries += 1) {
    await until(`failure ${tries}`, () => bench.delays().length >= tries);
    await agent.time.advance(bench.delays()[tries - 1] ?? 0);
  }
  // random() is 0.5: three quarters of 1 s, 2 s, 4 s; then of half of what the grace of 15 s has left instead of 8 s
  // and more, or of 1 s; of the cap of 15 s once the lease is over.
  const inTheLease = [750, 1500, 3000, 3656, 2285, 1428, 893, 750, 750];
  expect(bench.delays().slice(0, 11)).toEqual([...inTheLease, 11250, 11250]);
  const before = bench.server.renewals.length;
  await bench.server.start();
  await agent.time.advance(15_000);
  await renewed(before + 1);
  expect(bench.server.renewals[before]).toMatchObject({ generation: 1 });
});

test("news that a failed renewal carried go into the next one again", async () => {
  let well = true;
  const agent = bench.start({
    health: async () => {
      if (!well) throw new Error("disk full");
    },
  });
  await until("registered", () => bench.log.some(({ message }) => message === "registered"));
  well = false;
  bench.server.renew = (request) => {
    if (request.status !== undefined) throw unavailable();
    return {};
  };
  await agent.time.advance(30_000);
  await renewed(2);
  await agent.time.advance(1_100);
  await renewed(3);
  await until("failed", () => bench.delays().length === 1);
  bench.server.renew = () => ({});
  await agent.time.advance(1_000);
  await renewed(4);
  const degraded = { phase: RunnerPhase.DEGRADED, message: "health check: disk full" };
  expect(bench.server.renewals[2]?.status).toMatchObject(degraded);
  expect(bench.server.renewals[3]?.status).toMatchObject(degraded);
});

test("after eight hours of sleep it renews at once, with the same generation", async () => {
  const agent = bench.start();
  await until("registered", () => bench.log.some(({ message }) => message === "registered"));
  await agent.time.advance(3_000);
  agent.time.suspend(8 * 60 * 60 * 1_000);
  expect(bench.server.renewals).toHaveLength(1);
  await agent.time.advance(5_000);
  await renewed(2);
  expect(bench.server.renewals[1]).toMatchObject({ generation: 1 });
  await agent.time.advance(16_000);
  await until("the stream is back", () => bench.server.watches.length >= 2);
});

test("what the server refuses of a report costs no registration", async () => {
  bench.server.renew = (request) => {
    if (request.status?.region !== undefined)
      throw new ConnectError("region: too long", Code.InvalidArgument);
    return {};
  };
  bench.start();
  await renewed(2);
  const { status } = bench.server.renewals[1] ?? {};
  expect(status?.phase).toBe(RunnerPhase.ACTIVE);
  expect(status?.region).toBeUndefined();
});

test("goes DEGRADED while its health command fails, and comes back", async () => {
  let problem: string | null = "disk full";
  bench.server.renew = () => {
    problem = null;
    return {};
  };
  const agent = bench.start({
    health: async () => {
      if (problem !== null) throw new Error(problem);
    },
  });
  await renewed(1);
  expect(bench.server.renewals[0]?.status).toMatchObject({
    phase: RunnerPhase.DEGRADED,
    message: "health check: disk full",
  });
  await until("registered", () => bench.log.some(({ message }) => message === "registered"));
  await agent.time.advance(1_100);
  await renewed(2);
  expect(bench.server.renewals[1]?.status).toMatchObject({ phase: RunnerPhase.ACTIVE, message: "" });
});

test("signs off when it is told to stop", async () => {
  const agent = bench.start();
  await until("registered", () => bench.log.some(({ message }) => message === "registered"));
  expect(await agent.stop()).toMatchObject({ kind: "STOPPED", exitCode: 0, message: "signed off" });
  expect(bench.server.signOffs).toMatchObject([{ generation: 1, reason: "" }]);
});

test("stops even when the server is gone, and says that it could not sign off", async () => {
  const agent = bench.start();
  await until("registered", () => bench.log.some(({ message }) => message === "registered"));
  bench.server.signOff = () => {
    throw unavailable();
  };
  const ended = agent.stop();
  await until("first try", () => bench.server.signOffs.length === 1);
  await agent.time.advance(1_000);
  const end = await ended;
  expect(end).toMatchObject({ exitCode: 0 });
  expect(end.message).toMatch(/without signing off/);
  expect(bench.server.signOffs).toHaveLength(2);
});

test("a renewal that is under way when it is told to stop is waited for, then signed off", async () => {
  let answer = (): void => {};
  bench.server.renew = () =>
    new Promise((resolve) => {
      answer = () => resolve({});
    });
  const agent = bench.start();
  await renewed(1);
  const ended = agent.stop();
  answer();
  expect((await ended).message).toBe("signed off");
  expect(bench.server.signOffs).toMatchObject([{ generation: 1 }]);
});
