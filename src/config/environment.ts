import { homedir } from "node:os";
import { join } from "node:path";
import { closest } from "../lib/closest.ts";
import { isWebAddress } from "./kinds.ts";
import { configVariable, type Sourced, settings, variableOf } from "./settings-table.ts";

// The environment belongs to more programs than this one. What others meant for themselves, or for OpenTelemetry, is told
// and left alone: it must not keep a server from starting.

const prefix = "ROLLCALL_";

/**
 * Variables of ours that are no settings of a server: the name of a settings file, those of clients, `rollcall admin` among them, and those that
 * an agent gives its commands.
 */
const ownVariables: ReadonlySet<string> = new Set([
  configVariable,
  "ROLLCALL_URL",
  "ROLLCALL_TOKEN",
  "ROLLCALL_TOKEN_FILE",
  "ROLLCALL_RUNNER_ID",
  "ROLLCALL_SPEC_REVISION",
  "ROLLCALL_PAUSED",
  "ROLLCALL_WIND_DOWN_SECONDS",
]);

/** The address that Kubernetes gives every container of a namespace that has a Service of a fitting name. */
const serviceAddress = /^(tcp|udp|sctp):\/\//;
/** The other variables that it gives them. */
const serviceVariable = /_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;

/** What our own variables set. */
export function variables(environment: NodeJS.ProcessEnv): Sourced {
  const found: Sourced = {};
  for (const { flag } of settings) {
    const origin = variableOf(flag);
    const text = environment[origin] ?? "";
    if (text !== "" && !serviceAddress.test(text)) found[flag] = { text, origin };
  }
  return found;
}

/** What holds on this machine as long as nothing else is set. */
export function machineDefaults(environment: NodeJS.ProcessEnv): Sourced {
  const { XDG_DATA_HOME: home } = environment;
  const folder = join(home || join(homedir(), ".local", "share"), "rollcall");
  const { endpoint } = openTelemetryCollector(environment);
  return {
    "data-dir": { text: folder, origin: home ? "XDG_DATA_HOME" : "default" },
    ...(endpoint !== null && { "otlp-endpoint": { text: endpoint, origin: "OTEL_EXPORTER_OTLP_ENDPOINT" } }),
  };
}

/**
 * What the environment says in vain, one sentence each. Values are not repeated: they may be secrets.
 * @param set what is set after all, by the environment or past it
 */
export function warningsOf(environment: NodeJS.ProcessEnv, set: Sourced): readonly string[] {
  const known = settings.map(({ flag }) => variableOf(flag));
  const told: string[] = [];
  for (const [name, value = ""] of Object.entries(environment)) {
    if (!name.startsWith(prefix) || ownVariables.has(name)) continue;
    if (known.includes(name)) {
      if (!serviceAddress.test(value)) continue;
      told.push(
        `${name} is ignored: Kubernetes sets it for a Service of that name; set it yourself, ` +
          "or give the pod enableServiceLinks: false",
      );
    } else if (!serviceVariable.test(name) && !serviceAddress.test(value)) {
      const meant = closest(name, [...known, ...ownVariables]);
      const hint = meant === null ? "" : `; did you mean ${meant}?`;
      told.push(`${name} is no setting of this version, and sets nothing${hint}`);
    }
  }
  const { problem } = openTelemetryCollector(environment);
  if (problem !== null && set["otlp-endpoint"] === undefined) told.push(problem);
  return told;
}

/** The collector that OpenTelemetry's own variables name, or why traces cannot go there. */
function openTelemetryCollector(environment: NodeJS.ProcessEnv): {
  endpoint: string | null;
  problem: string | null;
} {
  const endpoint = environment.OTEL_EXPORTER_OTLP_ENDPOINT || null;
  if (endpoint === null) return { endpoint, problem: null };
  const remedy = "name the collector's port for HTTP with --otlp-endpoint, such as http://127.0.0.1:4318";
  const protocol =
    environment.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ||
    environment.OTEL_EXPORTER_OTLP_PROTOCOL ||
    "http/protobuf";
  if (protocol !== "http/protobuf") {
    const problem = `no traces are sent: OTEL_EXPORTER_OTLP_PROTOCOL asks for another protocol than http/protobuf; ${remedy}`;
    return { endpoint: null, problem };
  }
  if (isWebAddress(endpoint)) return { endpoint, problem: null };
  const problem = `no traces are sent: OTEL_EXPORTER_OTLP_ENDPOINT is no http or https address; ${remedy}`;
  return { endpoint: null, problem };
}
