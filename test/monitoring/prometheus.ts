import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { plainRequest } from "../support/http.ts";
import { alertsFile } from "./expressions.ts";

/** A rule as Prometheus's API tells it. Source: prometheus.io/docs/prometheus/latest/querying/api/#rules */
export interface Rule {
  readonly name: string;
  readonly health: "ok" | "err" | "unknown";
  readonly lastError?: string;
  readonly state: "inactive" | "pending" | "firing";
}

/** A Prometheus that scrapes one server every second, with our alert rules. */
export interface Prometheus extends AsyncDisposable {
  /** Resolves once it has scraped so many times; calls `between` while it waits. Rejects after 30 seconds. */
  scraped(times: number, between: () => Promise<void>): Promise<void>;
  rules(): Promise<readonly Rule[]>;
  /** How many series an expression finds now. Rejects when it is malformed. */
  query(expression: string): Promise<number>;
}

/** @param target host and port of the server's metrics */
export async function startPrometheus(target: string): Promise<Prometheus> {
  const dir = mkdtempSync(join(tmpdir(), "rollcall-prometheus-"));
  const config = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: [fileURLToPath(alertsFile)],
    scrape_configs: [{ job_name: "rollcall", static_configs: [{ targets: [target] }] }],
  };
  // JSON is YAML.
  writeFileSync(join(dir, "prometheus.yml"), JSON.stringify(config));
  const address = `127.0.0.1:${await freePort()}`;
  const words = [`--config.file=${dir}/prometheus.yml`, `--storage.tsdb.path=${dir}/data`];
  const child = spawn("prometheus", [...words, `--web.listen-address=${address}`], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk;
  });
  const exited = once(child, "close");
  exited.catch(() => {}); // It could not be started: nothing will listen, and that is said.

  async function ask<T>(path: string): Promise<T> {
    const answer = await plainRequest(`http://${address}/api/v1/${path}`);
    const { status, data, error } = answer.json<{ status: string; data: T; error?: string }>();
    if (status !== "success") throw new Error(error);
    return data;
  }
  const query = async (expression: string) => {
    const { result } = await ask<{ result: { value: [number, string] }[] }>(
      `query?query=${encodeURIComponent(expression)}`,
    );
    return result;
  };

  return {
    async scraped(times, between) {
      const deadline = performance.now() + 30_000;
      for (;;) {
        const found = await query('sum_over_time(up{job="rollcall"}[1m])').catch(() => []);
        if (Number(found[0]?.value[1] ?? 0) >= times) return;
        if (performance.now() > deadline) throw new Error(`Prometheus has not scraped:\n${log}`);
        await between();
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    },
    async rules() {
      const { groups } = await ask<{ groups: { rules: Rule[] }[] }>("rules");
      return groups.flatMap(({ rules }) => rules);
    },
    query: async (expression) => (await query(expression)).length,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await exited.catch(() => {});
      rmSync(dir, { recursive: true });
    },
  };
}

/** Prometheus does not say which port it found free, so one is found for it. */
async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
