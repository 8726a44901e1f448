import { readFileSync } from "node:fs";

/** Clock ticks a second that /proc counts in: USER_HZ, 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** What the kernel knows of a process (proc_pid_stat(5), proc_pid_status(5)). */
export interface ProcessUse {
  /** User and system time since its start, in milliseconds. */
  readonly cpuMs: number;
  /** Resident memory, in bytes. */
  readonly rssBytes: number;
}

/** @returns null where there is no such process, or no /proc */
export function processUse(pid: number): ProcessUse | null {
  try {
    // The second field is the command in parentheses and may hold blanks.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    const ticks = Number(stat[11]) + Number(stat[12]);
    const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return { cpuMs: (ticks * 1000) / ticksPerSecond, rssBytes: Number(rss ?? 0) * 1024 };
  } catch {
    return null;
  }
}

/** What processors the numbers were measured on, as the kernel names them. */
export function machine(): string {
  try {
    const info = readFileSync("/proc/cpuinfo", "utf8");
    const models = [...info.matchAll(/^model name\s*: (.*)$/gm)].map(([, model]) => model);
    return `${models.length} × ${models[0] ?? "unknown processor"}`;
  } catch {
    return "unknown processor";
  }
}
