import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { type Config, parseConfig } from "../../src/config/config.ts";
import { type Overrides, type RunningServer, startServer } from "../../src/server.ts";
import { type ClientOptions, clientsOf } from "./clients.ts";
import { type TestClock, testClock } from "./clock.ts";
import { servedStores } from "./database.ts";
import { hotPathOn } from "./hot-path.ts";
import { type PlainResponse, postJson } from "./http.ts";
import { mintedToken, noSocketLeft, portRefuses } from "./leftovers.ts";
import { type CapturedLog, capturedLog } from "./log.ts";
import { unhurried } from "./unhurried.ts";

/** The first admin's token of every test server. */
export const adminToken = "test-admin-token-0123456789";

export interface TestServer {
  readonly url: string;
  readonly config: Config;
  readonly clock: TestClock;
  readonly log: CapturedLog;
  /** A client with the admin's token, unless told otherwise. */
  client<T extends DescService>(service: T, options?: Partial<ClientOptions>): Client<T>;
  /** A JSON call with the admin's token, unless `headers` say otherwise. */
  post(procedure: string, body: unknown, headers?: Record<string, string>): Promise<PlainResponse>;
  /** Text that must be neither in the log nor in the database: the admin's token and every minted one are known. */
  keepSecret(...texts: readonly string[]): void;
  /** Stops the server and starts it again on the same data. @param otherwise settings that differ from before */
  restart(otherwise?: Partial<Config>): Promise<void>;
  /** Stops the server, and rejects when it leaves something open or has written a secret somewhere. */
  close(): Promise<void>;
}

export interface TestServerOptions extends Overrides {
  readonly config?: Partial<Config>;
  readonly clock?: TestClock;
}

let running = 0;

/** A real server on a free port of this machine, with its data in a folder of its own. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { config: changes = {}, clock = testClock(), ...overrides } = options;
  const dataDir = changes.dataDir ?? mkdtempSync(join(tmpdir(), "rollcall-test-"));
  const base = { ...parseConfig({ ...unhurried, port: "0", "data-dir": dataDir }), hotPath: hotPathOn };
  const config = { ...base, adminToken, dataDir, ...changes };
  const log = capturedLog();
  const secrets = new Set<string>([adminToken]);
  const start = (otherwise: Partial<Config> = {}) =>
    startServer(
      { ...config, ...otherwise },
      // How late this process is says nothing of the server's own load.
      {
        clock,
        log: log.log,
        loopDelayMs: () => 0,
        onStore: (store) => servedStores.set(dataDir, store),
        ...overrides,
      },
    );
  running += 1;
  let server = await start();
  let clients = clientsOf(server.url);

  async function stop(stopped: RunningServer): Promise<void> {
    clients.close();
    servedStores.delete(dataDir);
    await stopped.close();
    await portRefuses(stopped.url);
  }

  return {
    get url() {
      return server.url;
    },
    config,
    clock,
    log,
    client: (service, choice = {}) => clients.client(service, { token: adminToken, ...choice }),
    post: (procedure, body, headers = {}) =>
      postJson(server.url, procedure, body, { authorization: `Bearer ${adminToken}`, ...headers }),
    keepSecret(...texts) {
      for (const text of texts) secrets.add(text);
    },
    async restart(otherwise) {
      await stop(server);
      server = await start(otherwise);
      clients = clientsOf(server.url);
    },
    async close() {
      await stop(server);
      running -= 1;
      if (running === 0) await noSocketLeft();
      refuseSecrets("the log", log.text(), secrets);
      if (dataDir === ":memory:") return;
      for (const name of readdirSync(dataDir).filter((file) => file.startsWith("rollcall.db"))) {
        refuseSecrets(name, readFileSync(join(dataDir, name), "latin1"), secrets);
      }
      rmSync(dataDir, { recursive: true });
    },
  };
}

function refuseSecrets(where: string, text: string, secrets: ReadonlySet<string>): void {
  const leaked = [...(text.match(mintedToken) ?? []), ...[...secrets].filter((s) => text.includes(s))];
  if (leaked.length > 0) throw new Error(`${where} holds ${leaked.length} secrets in clear: ${leaked[0]}`);
}
