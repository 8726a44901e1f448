import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import {
  type AgentEnd,
  type AgentProtocol,
  agentProtocols,
  type ConnectionOptions,
  defaultTiming,
  openConnection,
  runAgent,
} from "../../src/agent/index.ts";
import { parseConfig } from "../../src/config/config.ts";
import { type RunningServer, startServer } from "../../src/server.ts";
import { authority, type KeyPair, selfSigned } from "../support/certificate.ts";
import { type Clients, clientsOf } from "../support/clients.ts";
import { until } from "../support/eventually.ts";
import { capturedLog } from "../support/log.ts";

// The agent against a real server that takes runners with a certificate alone, in real time.

const admin = "agent-certificate-admin";
const own = selfSigned("server");
const runners = authority("runners");

let server: RunningServer;
let people: Clients;
let dir: string;
/** Of this test, to be stopped even when it fails: nothing else ends them. */
let agents: { readonly end: Promise<AgentEnd>; stop(): void }[];
beforeEach(async () => {
  agents = [];
  dir = mkdtempSync(join(tmpdir(), "rollcall-agent-mtls-"));
  const files = { "tls-cert": own.cert, "tls-key": own.key, "tls-client-ca": runners.cert };
  for (const [name, pem] of Object.entries(files)) writeFileSync(join(dir, name), pem);
  const flags = Object.fromEntries(Object.keys(files).map((name) => [name, join(dir, name)]));
  const times = { "renew-interval": "1" };
  const config = parseConfig({ port: "0", "data-dir": ":memory:", "admin-token": admin, ...flags, ...times });
  server = await startServer(config, { log: capturedLog().log });
  people = clientsOf(server.url, { ca: own.cert });
});
afterEach(async () => {
  for (const agent of agents) agent.stop();
  await Promise.all(agents.map(({ end }) => end));
  people.close();
  await server.close();
  rmSync(dir, { recursive: true });
});

const certFile = () => join(dir, "client.pem");
const keyFile = () => join(dir, "client.key");

function put({ cert, key }: KeyPair): void {
  writeFileSync(certFile(), cert);
  writeFileSync(keyFile(), key);
}

const operator = () => people.client(RunnerService, { token: admin });

async function register(): Promise<void> {
  const { exchangeToken } = await operator().createRunner({
    name: "runner",
    provider: RunnerProvider.GCP,
  });
  writeFileSync(join(dir, "token"), exchangeToken);
}

function start(options: Partial<ConnectionOptions> = {}) {
  const stop = new AbortController();
  /** Why each try failed: the log has what repeats itself as debug. */
  const failures: string[] = [];
  const keep = (fields: object) => {
    if ("why" in fields) failures.push(String(fields.why));
  };
  const told: string[] = [];
  const connection = openConnection({
    server: new URL(server.url),
    protocol: "grpc",
    caFile: join(dir, "tls-cert"),
    ...options,
  });
  const end = runAgent({
    tokenFile: join(dir, "token"),
    stateDir: join(dir, "state"),
    connection,
    facts: { version: "agent/1", systemDetails: "{}", capabilities: [], additionalInfo: [] },
    hooks: {},
    stop: stop.signal,
    log: {
      debug: keep,
      info: (_fields, message) => void told.push(message),
      warn: keep,
    },
    timing: { ...defaultTiming, retry: { baseMs: 50, capMs: 100 } },
  });
  const agent = { end, failures, told, connection, stop: () => stop.abort() };
  agents.push(agent);
  return agent;
}

test.each(agentProtocols)(
  "lives with its certificate over %s, and with a renewed one",
  async (protocol: AgentProtocol) => {
    await register();
    put(runners.issue("runner-1"));
    const agent = start({ protocol, clientCertificate: { certFile: certFile(), keyFile: keyFile() } });
    // The agent's own word: the server knows of it before the agent does.
    await until("registered", () => agent.told.includes("registered"));
    // Whoever renews certificates was late: the agent waits for it.
    put(runners.issue("runner-1", { days: 0 }));
    agent.connection.reset();
    await until("refused", () => agent.failures.some((why) => why.includes("CERT_HAS_EXPIRED")));
    // And is caught in the middle of it.
    writeFileSync(keyFile(), "");
    agent.connection.reset();
    const before = agent.failures.length;
    await until("tried three times", () => agent.failures.length > before + 2);
    put(runners.issue("runner-1"));
    await until("back", () => agent.told.includes("registered again"));
    const later = agent.failures.length;
    agent.stop();
    expect((await agent.end).message).toBe("signed off");
    expect(agent.failures.length).toBe(later);
  },
);

test("ends when the server wants a certificate and it has none", async () => {
  await register();
  expect(await start().end).toMatchObject({
    kind: "CLIENT_CERTIFICATE_REQUIRED",
    exitCode: 21,
    message: expect.stringContaining("--client-cert"),
  });
});

test("does not start with certificate files that do not fit together", async () => {
  const [one, other] = [runners.issue("runner-1"), runners.issue("runner-1")];
  put({ cert: one.cert, key: other.key });
  const clientCertificate = { certFile: certFile(), keyFile: keyFile() };
  expect(() => start({ clientCertificate })).toThrow(/cannot use the certificate files/);
  rmSync(keyFile());
  expect(() => start({ clientCertificate })).toThrow(/ENOENT.*client\.key/);
});
