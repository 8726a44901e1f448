import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import net from "node:net";
import type { Config } from "../../config/config.ts";
import { type Answer, ask, told } from "../ask.ts";
import { type Finding, fail, ok, type Patient, warn } from "./finding.ts";

/** Whether the server could listen, or does: on its port, and on the one of its metrics. */
export async function port(patient: Patient): Promise<Finding[]> {
  const { config } = patient;
  const found = [await listens(patient, config)];
  if (config.metrics !== null) found.push(await listens(patient, { ...config.metrics, tls: null }));
  return found;
}

const wrongAddress = "set --host to an address of this machine, or 0.0.0.0 or :: for all";
/** What to do about the refusals that have one cause. */
const remedies: Readonly<Record<string, string>> = {
  EACCES: "choose a port from 1024 on, or give the service AmbientCapabilities=CAP_NET_BIND_SERVICE",
  EADDRNOTAVAIL: wrongAddress,
  ENOTFOUND: wrongAddress,
};

async function listens(
  { config: { dataDir }, served }: Patient,
  address: Pick<Config, "host" | "port" | "tls">,
): Promise<Finding> {
  const { host, port } = address;
  const place = `${host} port ${port}`;
  if (port === 0) return ok("the server takes a free port");
  const code = await refusal(host, port);
  if (code === "EADDRINUSE" && served) return ok(`the server listens on ${place}`);
  if (code === "EADDRINUSE") {
    const other = isServer(await ask(address, "/healthz"));
    return fail(
      `${place} is taken by ${other ? "a server with another data folder" : "another program"}`,
      `stop it (ss -ltnp 'sport = :${port}' shows it), or choose another --port`,
    );
  }
  if (code !== null)
    return fail(`the server cannot listen on ${place}: ${code}`, remedies[code] ?? "see --host");
  if (!served) return ok(`${place} is free`);
  return fail(
    `a server uses ${dataDir}, and nobody listens on ${place}`,
    "run this with the settings of that server; if they are these, it is starting or stopping: see its log",
  );
}

/** Whether the running server answers, and is ready. */
export async function server({ config, served }: Patient): Promise<Finding[]> {
  if (config.port === 0)
    return [warn("--port 0 does not say where the server listens", "give its real port")];
  const alive = await ask(config, "/healthz");
  if (!served && !isServer(alive)) return [warn("no server is running", "start it, when it should be")];
  const stuck = "see its log; if it stays so, take a core (gcore PID) for its authors and restart it";
  if (!isServer(alive)) return [fail(`the server does not answer /healthz: ${told(alive)}`, stuck)];
  const ready = await ask(config, "/readyz");
  if (!isServer(ready)) return [fail(`the server is up, but not ready: ${told(ready)}`, stuck)];
  const inUse = `the server answers in ${Math.ceil(alive.ms)} ms and is ready`;
  if (config.tls === null || alive.certificate === certificateOf(config.tls.certFile)) return [ok(inUse)];
  return [
    warn(
      `${inUse}, but shows another certificate than ${config.tls.certFile}`,
      "it takes a new one up within ten seconds, when that is good: see its log",
    ),
  ];
}

function isServer(answer: Answer | string): answer is Answer {
  return typeof answer !== "string" && answer.status === 200;
}

/** The error code of listening there for a moment; null when it works. */
function refusal(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(null)));
  });
}

/** SHA-256 of a file's first certificate; null when there is none, which is the `tls` check's to tell. */
function certificateOf(file: string): string | null {
  try {
    return new X509Certificate(readFileSync(file)).fingerprint256;
  } catch {
    return null;
  }
}
