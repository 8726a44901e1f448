import { readFileSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import { arch, availableMemory, constrainedMemory, platform, version } from "node:process";
import { packageVersion } from "../../lib/version.ts";
import { type Finding, ok, type Patient, sizeOf, warn } from "./finding.ts";

/** Files that a server has open besides its connections: the database's, its log's, Node.js's own. */
const otherFiles = 100;
/** What a server with a small fleet takes, and 20,000 live runners take some 90 MB more (bench/RESULTS.md). */
const leastMemory = 256e6;

/** The runtime that runs this command. One that is too old does not get here: src/main.ts refuses it. */
export function runtime(): Finding[] {
  return [ok(`rollcall ${packageVersion()}, Node.js ${version}, ${platform} ${arch}`)];
}

/** How many files may be open at once, against the connections that the settings allow. */
export function openFiles({ config }: Patient): Finding[] {
  const limit = openFileLimit();
  if (limit === null) return [ok("the limit of open files is not known on this system")];
  const wanted = config.limits.connections + otherFiles;
  if (limit >= wanted) return [ok(`${limit} files may be open, ${wanted} are enough`)];
  return [
    warn(
      `${limit} files may be open in this shell, and --max-connections ${config.limits.connections} may want ${wanted}`,
      `raise LimitNOFILE of the service (ulimit -n in a shell) to ${wanted} or more, or lower --max-connections`,
    ),
  ];
}

export function memory(): Finding[] {
  const constrained = constrainedMemory();
  const total = constrained > 0 && constrained < totalmem() ? constrained : totalmem();
  const available = Math.min(availableMemory(), freeMemory());
  const found = `${sizeOf(available)} of ${sizeOf(total)} memory are available`;
  if (available >= leastMemory) return [ok(found)];
  return [warn(found, `a server wants ${sizeOf(leastMemory)} and about 5 kB for each live runner`)];
}

/** What the kernel could give without swapping; `freemem` alone leaves out what caches would give back. */
function freeMemory(): number {
  const [, kibibytes] = /^MemAvailable:\s+(\d+) kB$/m.exec(readText("/proc/meminfo") ?? "") ?? [];
  return kibibytes === undefined ? freemem() : Number(kibibytes) * 1024;
}

/** The hard limit: Node.js raises its own soft limit to it at start. Null where there is no /proc. */
function openFileLimit(): number | null {
  const [, hard] = /^Max open files\s+\S+\s+(\S+)/m.exec(readText("/proc/self/limits") ?? "") ?? [];
  if (hard === undefined) return null;
  return hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard);
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
