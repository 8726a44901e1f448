import { Code, ConnectError } from "@connectrpc/connect";
import type { WatchRegistrationResponse } from "../../gen/rollcall/v1/agent_pb.js";
import { Backoff } from "./backoff.ts";
import { readFailure } from "./failure.ts";
import type { Live } from "./live.ts";
import { linked, pause } from "./waiting.ts";
import { readWanted } from "./wanted.ts";

/** How often to look whether there is a generation to watch with, in milliseconds. */
const unopenedMs = 1_000;

/**
 * Keeps a stream open beside the renewals, as well as it can: without one, news come with the next renewal. What
 * refuses the stream would refuse a renewal, which is therefore brought forward to find out what to do.
 */
export async function watchLoop(live: Live): Promise<void> {
  const { life, time, timing, log, news, random } = live;
  const backoff = new Backoff(timing.retry, random);
  while (!life.aborted) {
    if (live.registration.generation === 0) {
      await time.sleep(unopenedMs, life);
      continue;
    }
    const generation = live.registration.generation;
    const error = await watchOnce(live, generation, () => backoff.reset());
    if (life.aborted) return;
    if (error !== null && ConnectError.from(error).code === Code.Unimplemented) {
      log.info({}, "the server cannot push news; they come with the renewals");
      await time.sleep(timing.watchAbsentMs, life);
      continue;
    }
    const failure = error === null ? null : readFailure(error);
    if (failure?.kind === "final" || failure?.kind === "reopen") news.ring();
    const delayMs = Math.round(backoff.nextMs(failure?.kind === "retry" ? failure.askedMs : 0));
    log.debug({ why: failure?.why ?? "the server ended it", delayMs }, "the stream is gone; opening another");
    await pause(time, delayMs, life, timing);
  }
}

/** @returns why the stream ended; null when the server just closed it */
async function watchOnce(live: Live, generation: number, proven: () => void): Promise<unknown> {
  const { client, identity, headers, specs, time, timing } = live;
  const { controller, release } = linked(live.life);
  const openedAt = time.monotonic();
  let heardAt = openedAt;
  const guard = silenceGuard(live, controller, () => heardAt);
  try {
    const { runnerId } = identity;
    const request = {
      runnerId,
      generation,
      appliedSpecRevision: specs.appliedRevision,
      answers: live.answers.kinds,
    };
    for await (const message of client.watchRegistration(request, { headers, signal: controller.signal })) {
      heardAt = time.monotonic();
      // One that ends at once again and again is no better than one that cannot be opened.
      if (heardAt - openedAt > timing.watchProvenMs) proven();
      receive(live, message);
    }
    return null;
  } catch (error) {
    return error;
  } finally {
    controller.abort();
    release();
    await guard;
  }
}

function receive(live: Live, { event }: WatchRegistrationResponse): void {
  switch (event.case) {
    case "wanted": {
      const wanted = readWanted(live.identity.runnerId, event.value);
      if (wanted !== null) live.specs.push(wanted);
      return;
    }
    case "windDown":
      live.windDown(event.value);
      return;
    case "question":
      live.answers.question(event.value);
      return;
    case "withdrawn":
      live.answers.withdrawn(event.value.id);
      return;
    case "configuration": // What an agent needs of it comes with each question.
    case "keepAlive":
    case undefined: // Of a newer server: to be ignored.
      return;
    default:
      event satisfies never;
  }
}

/** Ends a stream that has gone silent: its connection may be dead without either side knowing. */
async function silenceGuard(
  { time, timing, log }: Live,
  stream: AbortController,
  heardAt: () => number,
): Promise<void> {
  while (!stream.signal.aborted) {
    const leftMs = heardAt() + timing.watchSilenceMs - time.monotonic();
    if (leftMs <= 0) {
      log.info({}, "the stream has gone silent");
      stream.abort();
      return;
    }
    await time.sleep(leftMs, stream.signal);
  }
}
