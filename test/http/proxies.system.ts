import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { openWatch } from "../rpc/events/fixture.ts";
import { selfSigned } from "../support/certificate.ts";
import { type Clients, clientsOf, type Wire } from "../support/clients.ts";
import { besideServer } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { refusal } from "../support/refusal.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";

// The proxies of docs/operations/proxies.md, with the configuration that stands there, but for addresses, files, and idle
// limits so short that a silent watch passes them in the time of a test.

const idleMs = 2_000;
const keepAliveMs = 200;
const page = readFileSync(new URL("../../docs/operations/proxies.md", import.meta.url), "utf8");

/** The one block of the page in a language. */
function block(language: string): string {
  const [, text] = page.split(`\n\`\`\`${language}\n`);
  if (text === undefined) throw new Error(`docs/operations/proxies.md has no block of ${language}`);
  return text.slice(0, text.indexOf("\n```"));
}

interface Place {
  readonly folder: string;
  readonly port: string;
  readonly server: string;
}

/** Replaces what differs from machine to machine. @throws when the page says none of it */
function placed(text: string, replacements: Readonly<Record<string, string>>): string {
  let result = text;
  for (const [from, to] of Object.entries(replacements)) {
    if (!result.includes(from)) throw new Error(`docs/operations/proxies.md does not say ${from}`);
    result = result.replaceAll(from, to);
  }
  return result;
}

const proxies = {
  nginx({ folder, port, server }: Place) {
    const text = placed(block("nginx"), {
      "127.0.0.1:7655": server,
      "listen 443": `listen 127.0.0.1:${port}`,
      "/etc/ssl/rollcall.pem": join(folder, "cert.pem"),
      "/etc/ssl/rollcall.key": join(folder, "key.pem"),
      "65s": `${idleMs}ms`,
    });
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${join(folder, name)};`)
      .join("\n");
    const whole = `pid ${join(folder, "pid")};\nevents {}\nhttp {\naccess_log off;\n${temporary}\n${text}\n}\n`;
    writeFileSync(join(folder, "nginx.conf"), whole);
    const log = join(folder, "error.log");
    return ["nginx", "-e", log, "-p", folder, "-c", join(folder, "nginx.conf"), "-g", "daemon off;"];
  },
  haproxy({ folder, port, server }: Place) {
    const text = placed(block("haproxy"), {
      "127.0.0.1:7655": server,
      "bind :443": `bind 127.0.0.1:${port}`,
      "/etc/ssl/rollcall-with-key.pem": join(folder, "both.pem"),
      "65s": `${idleMs}ms`,
    });
    writeFileSync(join(folder, "haproxy.cfg"), `${text}\n`);
    return ["haproxy", "-db", "-f", join(folder, "haproxy.cfg")];
  },
};

describe.each(Object.entries(proxies))("behind %s", (_name, commandLine) => {
  const pair = selfSigned("localhost");
  let server: TestServer;
  let proxy: ChildProcess;
  let clients: Clients;
  let folder: string;
  let url: string;
  let said = "";
  beforeEach(async () => {
    server = await startTestServer({
      config: { watchKeepAliveMs: keepAliveMs, trustedProxies: ["127.0.0.1"] },
    });
    folder = mkdtempSync(join(tmpdir(), "rollcall-proxy-"));
    writeFileSync(join(folder, "cert.pem"), pair.cert);
    writeFileSync(join(folder, "key.pem"), pair.key);
    writeFileSync(join(folder, "both.pem"), Buffer.concat([pair.cert, pair.key]));
    const port = await freePort();
    const [program = "", ...words] = commandLine({ folder, port, server: new URL(server.url).host });
    proxy = spawn(program, words, { stdio: ["ignore", "ignore", "pipe"] });
    said = "";
    proxy.stderr?.on("data", (chunk: Buffer) => {
      said += chunk;
    });
    url = `https://127.0.0.1:${port}`;
    clients = clientsOf(url, { ca: pair.cert });
    await eventually(async () => {
      if (proxy.exitCode !== null) throw new Error(said);
      expect(await status("/readyz")).toBe(200);
    });
  });
  afterEach(async () => {
    clients.close();
    if (proxy.exitCode === null) {
      proxy.kill("SIGTERM");
      await once(proxy, "exit");
    }
    rmSync(folder, { recursive: true });
    await server.close();
  });

  async function status(path: string): Promise<number | undefined> {
    const request = https.get(`${url}${path}`, { agent: false, ca: pair.cert });
    const [response] = await once(request, "response");
    response.resume();
    return response.statusCode;
  }
  const create = (wire: Wire, headers = {}) =>
    clients
      .client(RunnerService, { token: adminToken, wire, headers })
      .createRunner({ name: "behind", provider: RunnerProvider.AWS_EC2 });

  test.each<Wire>([
    "grpc 2",
    "grpc-web 1.1",
    "grpc-web 2",
    "connect-json 1.1",
    "connect-json 2",
    "connect-binary 2",
  ])(
    "calls, refusals and streams pass over %s, and a silent watch outlives the proxy's idle limit",
    async (wire) => {
      const watch = openWatch(clients, { wire });
      await watch.opened;
      // So much silence that the proxy had cut the stream without what fills it.
      await watch.count(Math.ceil((2 * idleMs) / keepAliveMs));
      const { runner } = await create(wire);
      const event = `CREATE RUNNER ${runner?.runnerId}`;
      while (!watch.got.includes(event)) await watch.count(watch.got.length + 1);
      await watch.leave();
      const runners = clients.client(RunnerService, { token: adminToken, wire });
      const unknown = "01900000-0000-7000-8000-000000000000";
      expect(await refusal(runners.getRunner({ runnerId: unknown }))).toMatchObject({ code: "not_found" });
      const stranger = clients.client(RunnerService, { token: "wrong", wire });
      expect(await refusal(stranger.listRunners({}))).toMatchObject({ code: "unauthenticated" });
    },
  );

  test("the audit log has the client's address, not the proxy's", async () => {
    for (const wire of ["grpc 2", "connect-json 1.1"] as const) {
      // As if another trusted proxy stood in front of this one.
      const { runner } = await create(wire, { "x-forwarded-for": "203.0.113.9:4711" });
      const entries = await besideServer(server.config.dataDir, async (store) => {
        const organizationId = (await store.founding.first())?.organization.id ?? "";
        const filter = {
          actorIds: [],
          actorPrincipals: [],
          subjectIds: [runner?.runnerId ?? ""],
          subjectTypes: [],
          from: null,
          to: null,
        };
        return (await store.audit.list(organizationId, filter, "newest_first", { limit: 10, after: null }))
          .rows;
      });
      expect(entries.map(({ sourceAddress }) => sourceAddress)).toContain("203.0.113.9");
    }
  });
});
