import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { storeFiles } from "../../start/open-store.ts";
import { type Finding, fail, ok, type Patient, warn } from "./finding.ts";

/** Two machines that share a database in turn may differ by so much without harm, in milliseconds. */
const toleratedMs = 5_000;

/** The clock against the newest time that the database knows, and whether anything keeps it right. */
export async function clock({ database, nowMs }: Patient): Promise<Finding[]> {
  const newest = database === null || !existsSync(database) ? null : storeFiles.newestTime(database);
  const now = new Date(nowMs).toISOString();
  const aheadMs = newest === null ? 0 : newest - nowMs;
  if (newest !== null && aheadMs > toleratedMs) {
    return [
      fail(
        `the clock says ${now}, and the database knows of ${new Date(newest).toISOString()}`,
        "set the clock: tokens would live too long and new entries would be listed as old",
      ),
    ];
  }
  const synchronized = await isSynchronized();
  if (synchronized === false) {
    return [
      warn(`the clock says ${now}, and nothing synchronises it`, "run chrony, ntpd or systemd-timesyncd"),
    ];
  }
  return [
    ok(
      `the clock says ${now}${synchronized ? ", synchronised" : "; whether it is synchronised is not known"}`,
    ),
  ];
}

/** As systemd knows it, whether its own service or another program synchronises; null where systemd does not run. */
async function isSynchronized(): Promise<boolean | null> {
  try {
    const words = ["show", "--property=NTPSynchronized", "--value"];
    const { stdout } = await promisify(execFile)("timedatectl", words, { timeout: 3000 });
    return stdout.trim() === "yes";
  } catch {
    return null;
  }
}
