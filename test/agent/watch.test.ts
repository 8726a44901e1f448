import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunnerPhase } from "../../gen/gitpod/v1/runner_pb.js";
import type { WantedState } from "../../src/agent/index.ts";
import { until } from "../support/eventually.ts";
import { Bench, type RunningAgent } from "./support/bench.ts";
import { refusal } from "./support/fake-server.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.open();
});
afterEach(() => bench.close());

const spec = (revision: number, desiredPhase = RunnerPhase.ACTIVE) => ({ revision, spec: { desiredPhase } });

async function registered(agent: RunningAgent): Promise<void> {
  await until("registered", () => bench.log.some(({ message }) => message === "registered"));
  await agent.time.advance(1_000);
}

async function watched(agent: RunningAgent): Promise<void> {
  await registered(agent);
  await until("watched", () => bench.server.watched);
}

test("a pushed spec is applied, and its revision told at once", async () => {
  const applied: WantedState[] = [];
  const agent = bench.start({ onSpec: async (wanted) => void applied.push(wanted) });
  await watched(agent);
  bench.server.push({ event: { case: "wanted", value: spec(7, RunnerPhase.INACTIVE) } });
  await until("applied", () => applied.length === 1);
  expect(applied[0]).toMatchObject({
    revision: 7,
    paused: true,
    spec: { desiredPhase: "RUNNER_PHASE_INACTIVE" },
  });
  await agent.time.advance(1_100);
  await until("told", () => bench.server.renewals.some((renewal) => renewal.appliedSpecRevision === 7));
});

test("a server without a stream costs speed and nothing else", async () => {
  bench.server.watch = async function* () {
    yield* [];
    throw new ConnectError("no streams here", Code.Unimplemented);
  };
  const agent = bench.start();
  await registered(agent);
  await until("refused", () => bench.log.some(({ message }) => message.startsWith("the server cannot push")));
  bench.server.renew = ({ appliedSpecRevision }) => (appliedSpecRevision === 3 ? {} : { wanted: spec(3) });
  await agent.time.advance(30_000);
  await until("brought", () => bench.log.some(({ message }) => message === "applied the wanted spec"));
  await agent.time.advance(1_100);
  await until("told", () => bench.server.renewals.at(-1)?.appliedSpecRevision === 3);
  expect(bench.server.watches).toHaveLength(1);
});

test("a stream that has gone silent is opened anew", async () => {
  const agent = bench.start();
  await watched(agent);
  await agent.time.advance(59_000);
  expect(bench.server.watches).toHaveLength(1);
  await agent.time.advance(2_000);
  await until("noticed", () => bench.log.some(({ message }) => message === "the stream has gone silent"));
  await until("logged", () => bench.log.some(({ message }) => message.startsWith("the stream is gone")));
  await agent.time.advance(1_000);
  await until("again", () => bench.server.watches.length === 2);
});

test("a stream that a newer process ends brings the renewal forward, which ends the agent", async () => {
  let supersede = (): void => {};
  bench.server.watch = async function* () {
    yield { event: { case: "keepAlive" as const, value: {} } };
    await new Promise<void>((resolve) => {
      supersede = resolve;
    });
    throw refusal("SUPERSEDED", Code.Aborted);
  };
  const agent = bench.start();
  await registered(agent);
  await until("watching", () => bench.server.watches.length === 1);
  bench.server.renew = () => {
    throw refusal("SUPERSEDED", Code.Aborted);
  };
  await until("stream open", () => {
    supersede();
    return bench.server.renewals.length === 1;
  });
  await until("stream ended", () =>
    bench.log.some(({ message }) => message.startsWith("the stream is gone")),
  );
  await agent.time.advance(1_100);
  expect((await agent.end).exitCode).toBe(15);
});

test("a spec that cannot be applied is told as DEGRADED, tried again, and forgotten once it succeeds", async () => {
  let broken = true;
  const agent = bench.start({
    onSpec: async () => {
      if (broken) throw new Error("ended with 3: no such region");
    },
  });
  await watched(agent);
  bench.server.push({ event: { case: "wanted", value: spec(2) } });
  await until("tried", () => bench.log.some(({ message }) => message.startsWith("could not apply")));
  await agent.time.advance(1_100);
  await until("told", () =>
    bench.server.renewals.some(({ status }) => status?.phase === RunnerPhase.DEGRADED),
  );
  expect(bench.server.renewals.at(-1)).toMatchObject({
    appliedSpecRevision: 0,
    status: { message: "applying spec revision 2: ended with 3: no such region" },
  });
  broken = false;
  await agent.time.advance(5_000);
  await until("applied", () => bench.log.some(({ message }) => message === "applied the wanted spec"));
  await agent.time.advance(1_100);
  await until("told again", () => bench.server.renewals.at(-1)?.appliedSpecRevision === 2);
  expect(bench.server.renewals.at(-1)?.status).toMatchObject({ phase: RunnerPhase.ACTIVE, message: "" });
});

test("winds down when asked: says so, finishes, signs off", async () => {
  let finish = (): void => {};
  const agent = bench.start({
    onWindDown: () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
  });
  await watched(agent);
  bench.server.push({ event: { case: "windDown", value: { remaining: { seconds: 60n } } } });
  await until("asked", () => bench.log.some(({ message }) => message.includes("winding down")));
  await agent.time.advance(1_100);
  await until("told", () => bench.server.renewals.at(-1)?.status?.phase === RunnerPhase.DELETING);
  expect(bench.server.signOffs).toEqual([]);
  finish();
  expect(await agent.end).toMatchObject({ kind: "WOUND_DOWN", exitCode: 0 });
  expect(bench.server.signOffs).toHaveLength(1);
});

test("a wind-down that takes longer than the server waits is cut short", async () => {
  const agent = bench.start({
    onWindDown: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("was stopped")));
      }),
  });
  await watched(agent);
  bench.server.push({ event: { case: "windDown", value: { remaining: { seconds: 10n } } } });
  await until("asked", () => bench.log.some(({ message }) => message.includes("winding down")));
  await agent.time.advance(10_100);
  expect((await agent.end).message).toMatch(/with trouble: was stopped/);
  expect(bench.server.signOffs).toMatchObject([{ reason: "was stopped" }]);
});
