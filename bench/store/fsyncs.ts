import { spawn } from "node:child_process";

/** Counts the calls of fsync and fdatasync of a process while `work` runs; null where strace cannot. */
export async function countFsyncs(pid: number, work: () => Promise<unknown>): Promise<number | null> {
  const tracer = spawn("strace", ["-f", "-e", "trace=fsync,fdatasync", "-p", String(pid)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let text = "";
  const attached = new Promise<boolean>((resolve) => {
    tracer.stderr.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (/attached/.test(text)) resolve(true);
    });
    tracer.once("error", () => resolve(false));
    tracer.once("exit", () => resolve(false));
  });
  if (!(await attached)) return null;
  await work();
  const gone = new Promise((resolve) => tracer.once("close", resolve));
  tracer.kill("SIGINT");
  await gone;
  // A call that another thread interrupts is told in two lines; only the first names its argument.
  return [...text.matchAll(/\bf(?:data)?sync\(/g)].length;
}
