import { spawn } from "node:child_process";
import { once } from "node:events";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import { ServerProcess } from "../fleet/server-process.ts";
import { summary } from "../fleet/stats.ts";
import { Wire } from "../fleet/wire.ts";

// What a slow disk does to calls that need nothing of it: renewals, one after the other, beside 16 registrations at a time.
// strace makes every sync of the server take longer.
//
//   node bench/store/slow-disk.ts [milliseconds of a sync] [seconds]

const syncMs = Number(process.argv[2] ?? 50);
const seconds = Number(process.argv[3] ?? 10);
const token = "bench-admin-token";
const print = (text: string) => void process.stdout.write(`${text}\n`);

const server = new ServerProcess({ token });
await server.start();
const wire = new Wire(server.url, 2);
const register = (name: string) =>
  wire.call(RunnerService.method.createRunner, token, { name, provider: RunnerProvider.AWS_EC2 });
const { exchangeToken } = await register("renews");
const { accessToken } = await wire.call(IdentityService.method.exchangeToken, null, { exchangeToken });
const renew = (generation: number) =>
  wire.call(RunnerAgentService.method.renewRegistration, accessToken, { generation, appliedSpecRevision: 1 });
await renew(0);

const slow = ["-e", "trace=fsync,fdatasync", "-e", `inject=fsync,fdatasync:delay_exit=${syncMs * 1000}`];
const tracer = spawn("strace", ["-f", "-o", "/dev/null", ...slow, "-p", String(server.pid)], {
  stdio: ["ignore", "ignore", "pipe"],
});
await once(tracer.stderr, "data");

const end = performance.now() + seconds * 1000;
const [creates, renewals]: [number[], number[]] = [[], []];
async function timed(call: () => Promise<unknown>, into: number[]): Promise<void> {
  while (performance.now() < end) {
    const from = performance.now();
    await call();
    into.push(performance.now() - from);
  }
}
await Promise.all([
  timed(() => renew(1), renewals),
  ...Array.from({ length: 16 }, () => timed(() => register("a runner"), creates)),
]);
for (const [name, took] of Object.entries({ creates, renewals })) {
  const { count, p50, p99, max } = summary(took);
  print(
    `${name.padEnd(8)} ${(count / seconds).toFixed(0)} a second, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, longest ${max.toFixed(0)} ms`,
  );
}
tracer.kill("SIGINT");
wire.close();
await server.stop();
