import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Microseconds in which a group may use up its share: short, so that it is slow all the time and not still for long. */
const periodUs = 20_000;

/**
 * A control group of Linux, of version 2 or 1, whose processes together get a share of one core. Needs the right to write
 * there, as root has it; without: `systemd-run --user --scope -p CPUQuota=25% npm test`.
 */
export class SlowGroup {
  readonly #folder: string;

  /** @param percent of one core */
  constructor(percent: number) {
    const parent = existsSync("/sys/fs/cgroup/cgroup.controllers") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu";
    this.#folder = join(parent, `rollcall-slowed-${process.pid}`);
    mkdirSync(this.#folder);
    const quotaUs = Math.round((periodUs * percent) / 100);
    if (parent.endsWith("cpu")) {
      this.#set("cpu.cfs_period_us", String(periodUs));
      this.#set("cpu.cfs_quota_us", String(quotaUs));
    } else {
      this.#set("cpu.max", `${quotaUs} ${periodUs}`);
    }
  }

  /** Moves a process into the group; what it starts from then on is born there. */
  take(pid: number | undefined): void {
    this.#set("cgroup.procs", String(pid));
  }

  [Symbol.dispose](): void {
    // What is still there would keep the group from going; the run has told of it.
    for (const pid of readFileSync(join(this.#folder, "cgroup.procs"), "utf8").split("\n").filter(Boolean)) {
      process.kill(Number(pid), "SIGKILL");
    }
    rmdirSync(this.#folder);
  }

  #set(name: string, value: string): void {
    writeFileSync(join(this.#folder, name), value);
  }
}
