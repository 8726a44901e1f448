// How long one event takes to reach many watchers: node bench/watch.ts [watchers, default 10000]
import { mkdtempSync, rmSync } from "node:fs";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { RunnerProvider } from "../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../gen/gitpod/v1/runner_pb.js";
import { parseConfig } from "../src/config/config.ts";
import { startServer } from "../src/server.ts";
import { createLog } from "../src/telemetry/logger.ts";

const watchers = Number(process.argv[2] ?? 10_000);
const streamsPerSession = 100;
const token = "bench-admin-token-0123456789";
const dataDir = mkdtempSync(join(tmpdir(), "rollcall-bench-"));
const config = parseConfig({
  port: "0",
  "data-dir": dataDir,
  "admin-token": token,
  "max-caller-streams": String(watchers),
});
const server = await startServer(config, { log: createLog("error", false) });
const headers = {
  ":method": "POST",
  ":path": "/gitpod.v1.EventService/WatchEvents",
  "content-type": "application/connect+proto",
  authorization: `Bearer ${token}`,
};
const emptyRequest = Buffer.alloc(5);
const sessions: http2.ClientHttp2Session[] = [];
const opened: Promise<void>[] = [];
let left = watchers;
let firstAt = 0;
const all = Promise.withResolvers<void>();
const startedAt = performance.now();
for (let i = 0; i < watchers; i += 1) {
  if (i % streamsPerSession === 0) {
    await Promise.all(opened);
    sessions.push(http2.connect(server.url));
  }
  const stream = sessions.at(-1)?.request(headers);
  if (stream === undefined) throw new Error("no session");
  stream.end(emptyRequest);
  opened.push(new Promise((resolve) => stream.once("response", () => resolve())));
  stream.once("data", () => {
    firstAt ||= performance.now();
    left -= 1;
    if (left === 0) all.resolve();
  });
}
await Promise.all(opened);
const openMs = performance.now() - startedAt;
const memoryMb = process.memoryUsage().rss / 2 ** 20;
const transport = createGrpcTransport({
  baseUrl: server.url,
  interceptors: [
    (next) => (request) => {
      request.header.set("authorization", `Bearer ${token}`);
      return next(request);
    },
  ],
});
const changedAt = performance.now();
await createClient(RunnerService, transport).createRunner({ name: "seen", provider: RunnerProvider.AWS_EC2 });
await all.promise;
const result = {
  watchers,
  openMs: Math.round(openMs),
  firstMs: Math.round(firstAt - changedAt),
  lastMs: Math.round(performance.now() - changedAt),
  memoryMbWithClients: Math.round(memoryMb),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
for (const session of sessions) session.destroy();
await server.close();
rmSync(dataDir, { recursive: true });
process.exit(0);
