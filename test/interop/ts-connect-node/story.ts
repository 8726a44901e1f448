// The story of every generated client, told by connect-node over each protocol that it speaks.
import { readFileSync } from "node:fs";
import { createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { RunnerProvider } from "./gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "./gen/gitpod/v1/runner_pb.js";
import { tell } from "./steps.ts";

const { ROLLCALL_URL: url = "", ROLLCALL_TOKEN: token = "" } = process.env;

/** What docs/clients.md shows: it registers a runner and lists all that the caller may see. */
async function firstRunners(): Promise<void> {
  // docs:begin
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1", interceptors: [authorize] });
  const runners = createClient(RunnerService, transport);

  const { runner, exchangeToken } = await runners.createRunner({
    name: "build-1",
    provider: RunnerProvider.AWS_EC2,
  });
  process.stdout.write(`${runner?.runnerId} ${exchangeToken}\n`);

  for (const { runnerId, name, status } of (await runners.listRunners({})).runners) {
    process.stdout.write(`${runnerId} ${name} ${status?.phase}\n`);
  }
  // docs:end
}

const say = (line: string) => void process.stdout.write(`${line}\n`);
const { version } = JSON.parse(readFileSync("node_modules/@connectrpc/connect-node/package.json", "utf8"));
say(`version @connectrpc/connect-node ${version}`);
try {
  await firstRunners();
} catch (why) {
  say(`not ok Connect-JSON 1.1 create: the documented lines: ${why}`);
  process.exit(1);
}
const options = {
  baseUrl: url,
  defaultTimeoutMs: 30_000,
  interceptors: [
    (next) => (request) => {
      request.header.set("authorization", `Bearer ${token}`);
      return next(request);
    },
  ] satisfies Interceptor[],
};
const rows: [row: string, transport: Transport][] = [["gRPC 2", createGrpcTransport(options)]];
for (const httpVersion of ["2", "1.1"] as const) {
  const over = { ...options, httpVersion };
  rows.push([`gRPC-Web ${httpVersion}`, createGrpcWebTransport(over)]);
  rows.push([`Connect ${httpVersion}`, createConnectTransport({ ...over, useBinaryFormat: true })]);
  rows.push([`Connect-JSON ${httpVersion}`, createConnectTransport({ ...over, useBinaryFormat: false })]);
}
for (const [row, transport] of rows) if (!(await tell(row, transport, say))) process.exitCode = 1;
