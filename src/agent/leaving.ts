import { durationMs } from "@bufbuild/protobuf/wkt";
import type { WindDown } from "../../gen/rollcall/v1/agent_pb.js";
import { messageOf } from "../lib/thrown.ts";
import { Backoff } from "./backoff.ts";
import { readFailure } from "./failure.ts";
import type { Live } from "./live.ts";
import { linked } from "./waiting.ts";

const usualWindDownMs = 60_000;
const signOffTries = 2;
const longestReason = 1_000;

/** Runs the wind-down hook for as long as the server waits. @returns what went wrong, or null */
export async function runWindDown(live: Live, wish: WindDown): Promise<string | null> {
  const { hooks, time, life } = live;
  if (hooks.onWindDown === undefined) return null;
  const remainingMs = wish.remaining === undefined ? usualWindDownMs : durationMs(wish.remaining);
  const { controller, release } = linked(life);
  const timer = time.sleep(remainingMs, controller.signal).then(() => controller.abort());
  try {
    await hooks.onWindDown(remainingMs, controller.signal);
    return null;
  } catch (error) {
    return messageOf(error);
  } finally {
    controller.abort();
    release();
    await timer;
  }
}

/**
 * Tells the server that the runner leaves: two tries, then it must lapse by itself.
 * @returns null when it is signed off, else why not
 */
export async function signOff(live: Live, reason: string): Promise<string | null> {
  const { client, headers, identity, registration, time, timing, random } = live;
  const { generation } = registration;
  if (generation === 0) return null;
  const backoff = new Backoff(timing.retry, random);
  const request = { runnerId: identity.runnerId, generation, reason: reason.slice(0, longestReason) };
  for (let tried = 1; ; tried += 1) {
    try {
      await client.signOff(request, { headers, timeoutMs: timing.stopMs });
      return null;
    } catch (error) {
      const failure = readFailure(error);
      // Deleted, or over already: there is nothing left to sign off.
      if (failure.kind === "final" && failure.end.kind === "RUNNER_DELETED") return null;
      if (failure.kind === "reopen") return null;
      if (failure.kind !== "retry" || tried === signOffTries) return failure.why;
      live.connection.reset();
      await time.sleep(backoff.nextMs(), new AbortController().signal);
    }
  }
}
