import { parseArgs } from "node:util";
import { type Fault, parseFaults } from "./faults.ts";

/** What a run of the simulator is told. */
export interface FleetOptions {
  readonly runners: number;
  /** Connections that the runners without one of their own share. */
  readonly connections: number;
  /** How many of the runners have a connection of their own. */
  readonly own: number;
  /** How many renewal intervals are measured. */
  readonly windows: number;
  /** Seconds over which the runners start. */
  readonly ramp: number;
  readonly faults: readonly Fault[];
  /** Whether the server is killed and started again after the measured windows. */
  readonly restart: boolean;
  /** A server that runs already; null starts one. */
  readonly url: string | null;
  /** An admin's token of that server. */
  readonly token: string;
  /** How many of the silenced runners are watched by polling; the others by the time stamp in their status. */
  readonly polled: number;
  /** Calls in flight at once while registering. */
  readonly inFlight: number;
  /** Further flags of `rollcall serve`. */
  readonly serverFlags: readonly string[];
  /** Whether the server is asked what it holds, over the inspector. */
  readonly memory: boolean;
  /** Where CPU profiles of the server go. */
  readonly profile: string | null;
  /** File for the report as JSON. */
  readonly json: string | null;
}

export const usage = `node bench/fleet.ts [options] [-- flags of rollcall serve]

  --runners N        simulated runners (1000)
  --connections M    HTTP/2 connections that they share (8)
  --own K            so many of the runners have a connection of their own instead (0)
  --windows W        renewal intervals to measure (3)
  --ramp SECONDS     the runners start spread over so long (10; 0: all in the same moment)
  --faults LIST      separated by commas, T in seconds from the start of the measurement:
                       kill:PERCENT@T     so many runners fall silent
                       cut:SECONDS@T      every connection breaks and none can be made for so long
                       restart:SECONDS@T  the server is killed (SIGKILL) and started again after so long
                       stall:SECONDS@T    the server stands still (SIGSTOP, SIGCONT) for so long
                       slow:MS@T          from here on every call takes so much longer each way
                     Clock steps are not among them: nothing can step the clock of one process. They are
                     tested on a moved clock in test/domain/leases and test/registry.
  --restart          after the measured windows: SIGKILL and a new start with the whole fleet live, and a window more
  --polled N         silenced runners whose detection is measured by polling GetRunner (500)
  --in-flight N      calls in flight while registering (64)
  --url URL          use this server, with --token of an admin; else one is started
  --token TOKEN
  --memory           ask the server what it holds after garbage collections, with no runner, all and all live
  --profile FILE     write a CPU profile of the server there: of the start into FILE.start.cpuprofile, of the windows into FILE.steady.cpuprofile
  --json FILE        write the report there as JSON as well
`;

/** @throws Error for the command line */
export function readOptions(args: readonly string[]): FleetOptions | null {
  const at = args.indexOf("--");
  const { values } = parseArgs({
    args: at === -1 ? [...args] : args.slice(0, at),
    options: {
      runners: { type: "string", default: "1000" },
      connections: { type: "string", default: "8" },
      own: { type: "string", default: "0" },
      windows: { type: "string", default: "3" },
      ramp: { type: "string", default: "10" },
      faults: { type: "string", default: "" },
      restart: { type: "boolean", default: false },
      polled: { type: "string", default: "500" },
      "in-flight": { type: "string", default: "64" },
      url: { type: "string" },
      token: { type: "string", default: "bench-admin-token" },
      memory: { type: "boolean", default: false },
      profile: { type: "string" },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const faults = parseFaults(values.faults);
  const isStopped = faults.some(({ kind }) => kind === "restart" || kind === "stall") || values.restart;
  if (values.url !== undefined && (values.memory || values.profile !== undefined || isStopped)) {
    throw new Error("--memory, --profile, restart and stall need a server of our own, not --url");
  }
  return {
    runners: whole("runners", values.runners, 1),
    connections: whole("connections", values.connections, 1),
    own: whole("own", values.own, 0),
    windows: whole("windows", values.windows, 1),
    ramp: whole("ramp", values.ramp, 0),
    faults,
    restart: values.restart,
    url: values.url ?? null,
    token: values.token,
    polled: whole("polled", values.polled, 0),
    inFlight: whole("in-flight", values["in-flight"], 1),
    serverFlags: at === -1 ? [] : args.slice(at + 1),
    memory: values.memory,
    profile: values.profile ?? null,
    json: values.json ?? null,
  };
}

function whole(name: string, text: string, least: number): number {
  if (!/^\d+$/.test(text) || Number(text) < least) {
    throw new Error(`--${name} must be a whole number from ${least}, not "${text}"`);
  }
  return Number(text);
}
