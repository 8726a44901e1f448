import { setTimeout as sleep } from "node:timers/promises";
import { summary } from "../fleet/stats.ts";
import { H1Connection } from "./h1-connection.ts";
import { H2Connection, type Reply } from "./h2-connection.ts";
import { requestBlocks } from "./hpack.ts";
import type { LoadJob, LoadMessage } from "./job.ts";

// A process that calls a server as fast as it answers, with so many calls in flight. Told by its parent, once.

type Lane = (done: (reply: Reply) => void) => void;

/** How long the count goes on without an answer, in milliseconds. */
const patienceMs = 10_000;

/** Calls at once on one HTTP/2 connection. */
const perConnection = 8;

process.once("message", async (job: LoadJob) => {
  await run(job);
  // Without its parent there is nothing left to wait for.
  process.disconnect?.();
});

async function run(job: LoadJob): Promise<void> {
  const [lanes, closeAll] = open(job);
  let phase: "warming" | "counting" | "over" = "warming";
  let failed = 0;
  const latencies: number[] = [];
  const loop = (lane: Lane): Promise<void> =>
    new Promise((resolve) => {
      let sent = 0;
      const again = (reply?: Reply): void => {
        const now = performance.now();
        if (phase === "counting" && reply !== undefined) {
          // An error of gRPC has status 200 too, and no message.
          if (reply.ok && reply.data.length > 0) latencies.push(now - sent);
          else failed += 1;
        }
        if (phase === "over") {
          resolve();
          return;
        }
        sent = now;
        lane(again);
      };
      again();
    });
  const loops = Promise.all(lanes.map(loop));
  await sleep(job.warmUpMs);
  say({ kind: "counting" });
  phase = "counting";
  const from = performance.now();
  const cpu = process.cpuUsage();
  await sleep(job.countMs);
  // Where many wait together for a slow call, a short count may end before the first answer.
  while (latencies.length + failed === 0 && performance.now() - from < patienceMs) await sleep(10);
  phase = "over";
  const seconds = (performance.now() - from) / 1000;
  const used = process.cpuUsage(cpu);
  say({ kind: "counted" });
  await loops;
  closeAll();
  const { count, p50, p99, max } = summary(latencies);
  const ownCpuUs = (used.user + used.system) / Math.max(1, count);
  say({ kind: "result", result: { calls: count, failed, seconds, p50, p99, max, ownCpuUs } });
}

/** A lane for every call in flight; HTTP/2 puts several on one connection. */
function open(job: LoadJob): readonly [lanes: readonly Lane[], closeAll: () => void] {
  const { host, port, path, inFlight } = job;
  const body = Buffer.from(job.body, "base64");
  if (job.http === "1.1") {
    const connections = Array.from(
      { length: inFlight },
      () => new H1Connection({ host, port }, path, job.fields),
    );
    const lanes = connections.map(
      (connection): Lane =>
        (done) =>
          connection.call(body, done),
    );
    return [lanes, () => closeEach(connections)];
  }
  const blocks = requestBlocks({ host, port }, path, job.fields);
  const connections = Array.from(
    { length: Math.ceil(inFlight / perConnection) },
    () => new H2Connection({ host, port }),
  );
  const lanes = Array.from({ length: inFlight }, (_, index): Lane => {
    const connection = connections[index % connections.length] as H2Connection;
    return (done) => void connection.call(blocks, body, done);
  });
  return [lanes, () => closeEach(connections)];
}

function closeEach(connections: readonly { close(): void }[]): void {
  for (const connection of connections) connection.close();
}

function say(message: LoadMessage): void {
  process.send?.(message);
}
