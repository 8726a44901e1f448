import process from "node:process";
import { createClient } from "@connectrpc/connect";
import { RunnerAgentService, type WindDown } from "../../gen/rollcall/v1/agent_pb.js";
import { bootstrap } from "./bootstrap.ts";
import { Condition } from "./condition.ts";
import type { Credential } from "./credential.ts";
import { type AgentEnd, AgentEndError, agentEnd } from "./end.ts";
import { type AgentKeys, loadKeys } from "./keys.ts";
import { runWindDown, signOff } from "./leaving.ts";
import type { Leaving, Live } from "./live.ts";
import { lockState } from "./lock.ts";
import type { AgentOptions } from "./options.ts";
import { Answers } from "./questions.ts";
import { unregistered } from "./registration.ts";
import { Renewals } from "./renewals.ts";
import { HostHttp, hostAgent } from "./scm/http.ts";
import { SpecApplier } from "./spec-applier.ts";
import { StateFiles } from "./state-files.ts";
import { systemTime } from "./time.ts";
import { defaultTiming } from "./timing.ts";
import { Bell } from "./waiting.ts";
import { watchLoop } from "./watch.ts";

type Settled = AgentOptions & Required<Pick<AgentOptions, "time" | "random" | "timing" | "hostHttp">>;

/**
 * Runs an agent until it is told to stop, the runner is deleted, or the server refuses it for good. Nothing of it
 * keeps running afterwards. One state folder serves one agent at a time, and belongs to one runner.
 * @throws nothing that is foreseen: those ends are returned
 */
export async function runAgent(options: AgentOptions): Promise<AgentEnd> {
  const settled = {
    time: systemTime,
    random: Math.random,
    timing: defaultTiming,
    hostHttp: new HostHttp(hostAgent(process.env)),
    ...options,
  };
  try {
    const files = new StateFiles(options.stateDir);
    const lock = lockState(files);
    try {
      const keys = loadKeys(files);
      const credential = await bootstrap({ ...settled, files });
      if (credential === null) return agentEnd("STOPPED", "stopped before the runner was bootstrapped");
      return await live(settled, keys, credential);
    } finally {
      options.connection.reset();
      lock.release();
    }
  } catch (error) {
    if (error instanceof AgentEndError) return error.end;
    throw error;
  }
}

async function live(options: Settled, keys: AgentKeys, credential: Credential): Promise<AgentEnd> {
  const { connection, hooks, log, time, random, timing, stop, facts } = options;
  const life = new AbortController();
  const calls = new AbortController();
  const news = new Bell();
  const ring = (): void => news.ring();
  const condition = new Condition(ring);
  let leaving: Leaving | null = null;
  let windingDown: Promise<void> | null = null;

  const leave = (why: Leaving): void => {
    leaving ??= why;
    life.abort();
    ring();
  };
  const windDown = (wish: WindDown): void => {
    if (windingDown !== null || life.signal.aborted) return;
    log.info({}, "the runner is being deleted; winding down");
    condition.windDown();
    windingDown = runWindDown(shared, wish).then((problem) => leave({ kind: "wound-down", problem }));
  };
  const shared: Live = {
    client: createClient(RunnerAgentService, connection.transport),
    connection,
    headers: { authorization: `Bearer ${credential.accessToken}` },
    identity: { runnerId: credential.runnerId, facts, publicKey: keys.publicKey },
    hooks,
    log,
    time,
    timing,
    random,
    condition,
    specs: new SpecApplier({ apply: hooks.onSpec, condition, log, time, timing, random, applied: ring }),
    answers: new Answers({ live: () => shared, keys, http: options.hostHttp }),
    news,
    registration: unregistered,
    life: life.signal,
    calls: calls.signal,
    leave,
    windDown,
  };

  life.signal.addEventListener("abort", () => {
    // A renewal that is under way may open a generation: it is waited for, so that it can be signed off.
    void time.sleep(timing.stopMs, calls.signal).then(() => calls.abort());
  });
  const onStop = (): void => leave({ kind: "stopped" });
  stop.addEventListener("abort", onStop, { once: true });
  if (stop.aborted) onStop();
  try {
    await Promise.all([new Renewals(shared).run(), watchLoop(shared), shared.specs.run(life.signal)]);
    await windingDown;
  } finally {
    life.abort();
    calls.abort();
    stop.removeEventListener("abort", onStop);
  }
  return farewell(shared, leaving ?? { kind: "stopped" }, windingDown !== null);
}

async function farewell(shared: Live, leaving: Leaving, windingDown: boolean): Promise<AgentEnd> {
  switch (leaving.kind) {
    case "refused":
      if (leaving.end.kind !== "RUNNER_DELETED" || !windingDown) return leaving.end;
      return agentEnd("WOUND_DOWN", "the runner was deleted while it wound down");
    case "stopped": {
      const problem = await signOff(shared, "");
      if (problem === null) return agentEnd("STOPPED", "signed off");
      return agentEnd(
        "STOPPED",
        `stopped without signing off (${problem}); the registration lapses by itself`,
      );
    }
    case "wound-down": {
      const problem = await signOff(shared, leaving.problem ?? "wound down");
      const trouble = [leaving.problem, problem].filter((line) => line !== null).join("; ");
      return agentEnd(
        "WOUND_DOWN",
        trouble === "" ? "wound down and signed off" : `wound down, with trouble: ${trouble}`,
      );
    }
    default:
      return leaving satisfies never;
  }
}
