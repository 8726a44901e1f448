import { type Audit, audit } from "./audit.ts";
import { Detection } from "./detection.ts";
import { inject } from "./faults.ts";
import type { FleetOptions } from "./options.ts";
import { machine, processUse } from "./proc.ts";
import { register } from "./register.ts";
import type { FleetReport } from "./report.ts";
import { ServerProcess } from "./server-process.ts";
import { summary } from "./stats.ts";
import { Tally } from "./tally.ts";
import { Wire } from "./wire.ts";

/** What a restart or a stall may add to a lease (RestartSettings, StallSettings), and some, in milliseconds. */
const movedByMs = 65_000;

/** Runs the simulation as told. @param progress is told what is going on */
export async function runFleet(
  options: FleetOptions,
  progress: (text: string) => void,
): Promise<FleetReport> {
  const server =
    options.url === null ? new ServerProcess({ token: options.token, flags: options.serverFlags }) : null;
  await server?.start();
  const wire = new Wire(server?.url ?? options.url ?? "", options.connections, options.own);
  // Readers have a network of their own: a cut of the fleet's must not blind the measurement.
  const readers = new Wire(server?.url ?? options.url ?? "", 2);
  try {
    return await measure(options, server, wire, readers, progress);
  } finally {
    wire.close();
    readers.close();
    await server?.stop();
  }
}

async function measure(
  options: FleetOptions,
  server: ServerProcess | null,
  wire: Wire,
  readers: Wire,
  progress: (text: string) => void,
): Promise<FleetReport> {
  const { token, runners, ramp, windows } = options;
  const tally = new Tally();
  const notes: string[] = [];
  const rssAlone = server?.use().rssBytes ?? 0;
  progress(`opening ${options.connections + options.own} connections`);
  await wire.open();
  // What a runner takes is counted beyond its connection.
  const rssBefore = server?.use().rssBytes ?? 0;
  if (server !== null) {
    notes.push(`resident alone ${mebibytes(rssAlone)} MiB, with its connections ${mebibytes(rssBefore)} MiB`);
  }
  const beganAt = performance.now();
  progress(`registering ${runners} runners`);
  const fleet = await register({ wire, tally, token, runners, inFlight: options.inFlight });
  const registeredInMs = performance.now() - beganAt;
  progress(`registered in ${(registeredInMs / 1000).toFixed(1)} s; starting`);
  await Promise.all(fleet.map((runner, index) => runner.start((index / fleet.length) * ramp * 1000)));
  while (fleet.some(({ liveSinceWall }) => liveSinceWall === 0)) await sleep(50);
  const liveInMs = performance.now() - beganAt - registeredInMs;
  const leaseMs = fleet[0]?.leaseMs ?? 45_000;
  const windowMs = intervalOf(options.serverFlags) ?? 30_000;
  // Everybody is on its own place after two renewals.
  progress("all live; a window to settle");
  await sleep(windowMs);

  const detection = new Detection(readers, token);
  const byId = new Map(fleet.map((runner) => [runner.id, runner]));
  const startedAt = performance.now();
  const used = server?.use();
  const loadUsed = processUse(process.pid)?.cpuMs ?? 0;
  tally.measuring = true;
  let graceMs = 0;
  const moved = () => {
    graceMs = movedByMs;
    detection.deadlinesMoved();
  };
  const faults = inject(options.faults, {
    silence(percent) {
      const silent = fleet.filter(({ stopped }) => !stopped).slice(0, Math.round((runners * percent) / 100));
      for (const runner of silent) runner.stop();
      // Those that are polled should be a sample of all, not those that registered first.
      detection.watch(
        silent.toSorted(() => Math.random() - 0.5),
        options.polled,
      );
    },
    cut: (seconds) => wire.cut(seconds),
    slowDown: (ms) => wire.slowDown(ms),
    async restart(downSeconds) {
      moved();
      await server?.signal("SIGKILL");
      await sleep(downSeconds * 1000);
      await server?.start();
      moved();
      notes.push(
        `restarted: listening ${Math.round(server?.startedInMs ?? 0)} ms after the start of the process`,
      );
    },
    async stall(seconds) {
      moved();
      await server?.signal("SIGSTOP");
      await sleep(seconds * 1000);
      await server?.signal("SIGCONT");
      moved();
    },
    note: (text) => progress(`${((performance.now() - startedAt) / 1000).toFixed(1)} s ${text}`),
  });
  const audits: Audit[] = [];
  for (let window = 1; window <= windows; window++) {
    await sleep(startedAt + window * windowMs - performance.now());
    progress(`window ${window} of ${windows}: ${tally.renewalMs.length} renewals`);
    // A server that is down or stands still is asked again once it is back.
    audits.push(
      await audit(readers, token, byId, graceMs).catch(async () => {
        await faults;
        return audit(readers, token, byId, graceMs);
      }),
    );
  }
  tally.measuring = false;
  const tookMs = performance.now() - startedAt;
  const loadMs = (processUse(process.pid)?.cpuMs ?? 0) - loadUsed;
  const use = server?.use();
  await faults;
  progress("waiting for the last detections");
  await detection.finish();
  if (options.faults.length > 0) audits.push(await audit(readers, token, byId, graceMs));
  for (const runner of fleet) runner.stop();
  const cpuMs = use && used ? use.cpuMs - used.cpuMs : null;
  return {
    at: new Date().toISOString(),
    machine: machine(),
    options: {
      ...{ runners, connections: options.connections, own: options.own, windows, ramp },
      faults: options.faults,
    },
    windowMs,
    registeredInMs,
    liveInMs,
    audits,
    detection: {
      polled: summary(detection.polledMs),
      stamped: summary(detection.stampedMs),
      early: detection.early,
      missed: detection.missed,
      moved: detection.moved,
    },
    renewals: tally.renewalMs.length,
    renewalMs: summary(tally.renewalMs),
    failures: Object.fromEntries(tally.failures),
    serverCpuMsPerRenewal: cpuMs === null ? null : cpuMs / Math.max(1, tally.renewalMs.length),
    serverCpuPercent: cpuMs === null ? null : (cpuMs / tookMs) * 100,
    loadCpuPercent: (loadMs / tookMs) * 100,
    bytesPerRunner: use ? (use.rssBytes - rssBefore) / runners : null,
    serverRssBytes: use?.rssBytes ?? null,
    stretchPercent: tally.stretchPercent,
    stretchedReplies: tally.stretchedReplies,
    serverWarnings: warningsIn(server?.log() ?? ""),
    notes: [...notes, `the lease was ${leaseMs / 1000} s`],
  };
}

/** The interval that `rollcall serve` was given, in milliseconds. */
function intervalOf(flags: readonly string[]): number | null {
  const seconds = flags[flags.indexOf("--renew-interval") + 1];
  return flags.includes("--renew-interval") ? Number(seconds) * 1000 : null;
}

function warningsIn(log: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const line of log.split("\n")) {
    if (!line.startsWith("{")) continue;
    const { level, msg } = JSON.parse(line);
    if (level !== "info" && level !== "debug" && !(level < 40)) found[msg] = (found[msg] ?? 0) + 1;
  }
  return found;
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
