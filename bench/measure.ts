import { fork } from "node:child_process";
import { join } from "node:path";
import type { LoadJob, LoadMessage, LoadResult } from "./load/job.ts";
import type { Use } from "./subjects/probe.ts";

const loadProcess = join(import.meta.dirname, "load/process.ts");

/** One run of load, and what it cost the server. */
export interface Measured extends LoadResult {
  /** CPU of the server for each counted call, in microseconds. */
  readonly cpuUs: number;
  /** Allocated on the server's main heap for each counted call, in bytes. */
  readonly allocated: number | null;
}

/** Loads a server from a process of its own. @param use asks the server what it has used so far */
export async function measure(job: LoadJob, use: () => Promise<Use>): Promise<Measured> {
  const load = fork(loadProcess, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const asked: Promise<Use>[] = [];
  const result = await new Promise<LoadResult>((resolve, reject) => {
    load.on("message", (message: LoadMessage) => {
      if (message.kind === "result") resolve(message.result);
      else asked.push(use());
    });
    load.once("exit", (code) => reject(new Error(`the load process ended with ${code}`)));
    load.send(job);
  });
  const [from, to] = await Promise.all(asked);
  if (from === undefined || to === undefined) throw new Error("the load process did not say when it counted");
  const calls = Math.max(1, result.calls);
  const allocated =
    from.allocatedBytes === null || to.allocatedBytes === null
      ? null
      : (to.allocatedBytes - from.allocatedBytes) / calls;
  return { ...result, cpuUs: (to.cpuUs - from.cpuUs) / calls, allocated };
}
