import { type Audit, audit } from "./audit.ts";
import { Detection } from "./detection.ts";
import { inject } from "./faults.ts";
import type { FleetOptions } from "./options.ts";
import { beginPhase } from "./phase.ts";
import { Probe } from "./probe.ts";
import { machine } from "./proc.ts";
import { register } from "./register.ts";
import type { FleetReport } from "./report.ts";
import { ServerProcess } from "./server-process.ts";
import type { SimRunner } from "./sim-runner.ts";
import { sleep, summary } from "./stats.ts";
import { Met } from "./tally.ts";
import { Targets } from "./targets.ts";
import { Wire } from "./wire.ts";

type Progress = (text: string) => void;

/** What the phases of a run share. */
interface Run {
  readonly options: FleetOptions;
  /** Null for a server that is not ours. */
  readonly server: ServerProcess | null;
  readonly probe: Probe;
  readonly wire: Wire;
  /** Readers have a network of their own: a cut of the fleet's must not blind the measurement. */
  readonly readers: Wire;
  readonly met: Met;
  readonly windowMs: number;
  readonly progress: Progress;
}

/** Runs the simulation as told. @param progress is told what is going on */
export async function runFleet(options: FleetOptions, progress: Progress): Promise<FleetReport> {
  const { token, serverFlags: flags } = options;
  const inspected = options.memory || options.profile !== null;
  const server = options.url === null ? new ServerProcess({ token, flags, inspected }) : null;
  await server?.start();
  const url = server?.url ?? options.url ?? "";
  const wire = new Wire(url, options.connections, options.own);
  const readers = new Wire(url, 2);
  const probe = new Probe(options, server);
  const windowMs = intervalOf(flags) ?? 30_000;
  try {
    return await measure({ options, server, probe, wire, readers, met: new Met(), windowMs, progress });
  } finally {
    wire.close();
    readers.close();
    await server?.stop();
  }
}

/** The fleet is registered, starts, and is then measured for as many windows as were asked for. */
async function measure(run: Run): Promise<FleetReport> {
  const { options, server, probe, wire, met, progress } = run;
  const { runners, connections, own, windows, ramp, faults } = options;
  progress(`opening ${connections + own} connections`);
  await wire.open();
  await probe.measureMemory("no runner, connections open");
  const registering = performance.now();
  progress(`registering ${runners} runners`);
  const fleet = await register({ wire, met, token: options.token, runners, inFlight: options.inFlight });
  const registeredInMs = performance.now() - registering;
  await probe.measureMemory("all registered");

  progress(`registered in ${(registeredInMs / 1000).toFixed(1)} s; starting`);
  const byId = new Map(fleet.map((runner) => [runner.id, runner]));
  const { start, liveInMs, afterStart } = await startFleet(run, fleet, byId);
  progress("all live and on their places");
  await probe.measureMemory("all live, at the start");

  const detection = new Detection(run.readers, options.token);
  const startedAt = performance.now();
  const note = (text: string) => progress(`${((performance.now() - startedAt) / 1000).toFixed(1)} s ${text}`);
  const failedAttempts = () => met.failedAttempts;
  const targets = new Targets({ options, server, wire, fleet, detection, failedAttempts, note });
  const steady = await measureWindows(run, byId, targets, detection);
  await probe.measureMemory("all live, at the end");
  const restarted = options.restart ? await restart(run, byId, targets) : null;
  for (const runner of fleet) runner.stop();
  return {
    at: new Date().toISOString(),
    machine: machine(),
    options: { runners, connections, own, windows, ramp, faults },
    windowMs: run.windowMs,
    leaseMs: fleet[0]?.leaseMs ?? 0,
    registeredInMs,
    liveInMs,
    start,
    afterStart,
    ...steady,
    restarted,
    detection: {
      polled: summary(detection.polledMs),
      stamped: summary(detection.stampedMs),
      early: detection.early,
      missed: detection.missed,
      moved: detection.moved,
    },
    endedForGood: met.endedForGood,
    memory: probe.memory,
    serverWarnings: warningsIn(server?.log() ?? ""),
  };
}

/** Every runner's first renewal, and a window in which all come to their places: two renewals later they are there. */
async function startFleet(run: Run, fleet: readonly SimRunner[], byId: ReadonlyMap<string, SimRunner>) {
  const { options, met, server, probe } = run;
  const endPhase = beginPhase(met, server);
  const endProfile = await probe.startProfile("start");
  const startedAt = performance.now();
  await Promise.all(fleet.map((runner, index) => runner.start((index / fleet.length) * options.ramp * 1000)));
  while (fleet.some(({ liveSinceWall }) => liveSinceWall === 0)) await sleep(50);
  const liveInMs = performance.now() - startedAt;
  await endProfile();
  await sleep(run.windowMs);
  const start = endPhase();
  return { start, liveInMs, afterStart: await audit(run.readers, options.token, byId, 0) };
}

async function measureWindows(
  run: Run,
  byId: ReadonlyMap<string, SimRunner>,
  targets: Targets,
  detection: Detection,
) {
  const { options, server, readers, met, windowMs, progress, probe } = run;
  const { windows, token } = options;
  const endPhase = beginPhase(met, server);
  const endProfile = await probe.startProfile("steady");
  const startedAt = performance.now();
  const faults = inject(options.faults, targets);
  const auditNow = () => audit(readers, token, byId, targets.graceMs);
  const audits: Audit[] = [];
  for (let window = 1; window <= windows; window++) {
    await sleep(startedAt + window * windowMs - performance.now());
    targets.note(`window ${window} of ${windows}: ${met.renewals} renewals`);
    // A server that is down or stands still is asked again once it is back.
    audits.push(await auditNow().catch(() => faults.then(auditNow)));
  }
  const steady = endPhase();
  await faults;
  await endProfile();
  progress("waiting for the last detections");
  await detection.finish();
  if (options.faults.length > 0) audits.push(await auditNow());
  return { steady, audits, restarts: targets.restarts };
}

/** The whole fleet meets a server that was killed and comes back; a window later its list is read. */
async function restart(run: Run, byId: ReadonlyMap<string, SimRunner>, targets: Targets) {
  const endPhase = beginPhase(run.met, run.server);
  await targets.restart(1);
  await sleep(run.windowMs);
  const phase = endPhase();
  return { phase, audit: await audit(run.readers, run.options.token, byId, targets.graceMs) };
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
