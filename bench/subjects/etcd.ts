import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BenchCall, fieldsOf, framed, ways } from "../calls.ts";
import { processUse } from "../fleet/proc.ts";
import { H2Connection, type Reply } from "../load/h2-connection.ts";
import { requestBlocks } from "../load/hpack.ts";
import type { Use } from "./probe.ts";
import type { Ports } from "./recorded.ts";

const text = (value: string) => Buffer.from(value);
/** A field of a protobuf message that holds bytes, all short. */
const bytesField = (number: number, value: Buffer) =>
  Buffer.concat([Buffer.of((number << 3) | 2, value.length), value]);
/** A field that holds a whole number. */
function numberField(number: number, value: number): Buffer {
  const bytes = [number << 3];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

const leaseId = 7;
/** Longer than any run: a lease that has expired would be cheaper to renew. */
const ttlSeconds = 86_400;

function etcdCall(name: string, path: string, message: Buffer): BenchCall {
  return { name, path, token: null, body: () => framed(message) };
}

/** etcd's LeaseGrantRequest: TTL = 1, ID = 2 (etcdserverpb/rpc.proto). */
const grantLease = etcdCall(
  "LeaseGrant",
  "/etcdserverpb.Lease/LeaseGrant",
  Buffer.concat([numberField(1, ttlSeconds), numberField(2, leaseId)]),
);

/** A durable write of about a small runner's size, and the renewal of a lease as one message on a stream of its own. */
export const etcdCalls: readonly BenchCall[] = [
  etcdCall(
    "Put",
    "/etcdserverpb.KV/Put",
    Buffer.concat([bytesField(1, text("runners/bench")), bytesField(2, Buffer.alloc(120, "r"))]),
  ),
  etcdCall("LeaseKeepAlive", "/etcdserverpb.Lease/LeaseKeepAlive", numberField(1, leaseId)),
];

/** A single node of etcd with its defaults, found on PATH. */
export class Etcd {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly ports: Ports;

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.ports = { h2: port, h1: port };
  }

  /** @returns null where there is no etcd */
  static async start(): Promise<Etcd | null> {
    const folder = mkdtempSync(join(tmpdir(), "bench-etcd-"));
    const [client, peer] = await Promise.all([freePort(), freePort()]);
    const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
    const child = spawn(
      "etcd",
      [
        ...[
          "--data-dir",
          join(folder, "data"),
          "--log-level",
          "error",
          "--initial-cluster",
          `default=${peerUrl}`,
        ],
        ...["--listen-client-urls", clientUrl, "--advertise-client-urls", clientUrl],
        ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
      ],
      { stdio: "ignore" },
    );
    const started = await new Promise<boolean>((resolve) => {
      child.once("spawn", () => resolve(true));
      child.once("error", () => resolve(false));
    });
    if (!started) {
      rmSync(folder, { recursive: true });
      return null;
    }
    const etcd = new Etcd(child, folder, client);
    try {
      await etcd.#healthy();
      await etcd.#grant();
      return etcd;
    } catch (error) {
      await etcd.stop();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** From /proc, which counts in hundredths of a second; nobody knows what a Go program allocates. */
  use(): Promise<Use> {
    return Promise.resolve({ cpuUs: (processUse(this.pid)?.cpuMs ?? 0) * 1000, allocatedBytes: null });
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, "exit");
    if (this.#child.exitCode === null && this.#child.kill("SIGTERM")) await gone;
    rmSync(this.#folder, { recursive: true });
  }

  async #grant(): Promise<void> {
    const [way] = ways;
    if (way === undefined) throw new Error("there are no ways");
    const to = { host: "127.0.0.1", port: this.ports.h2 };
    const connection = new H2Connection(to);
    const blocks = requestBlocks(to, grantLease.path, fieldsOf(grantLease, way));
    const { ok, data } = await new Promise<Reply>(
      (done) => void connection.call(blocks, grantLease.body(way), done),
    );
    connection.close();
    if (!ok || data.length === 0) throw new Error("etcd granted no lease");
  }

  async #healthy(): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      const healthy = await fetch(`http://127.0.0.1:${this.ports.h2}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (healthy) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("etcd did not become healthy within 10 s");
  }
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
