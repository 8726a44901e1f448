// The story of every generated client, told by connect-web in a page of another origin than the server's.
import { createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { RunnerProvider } from "./gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "./gen/gitpod/v1/runner_pb.js";
import { expect, refusal, tell } from "./steps.ts";

const parameters = new URLSearchParams(location.search);
const [url, token] = [parameters.get("url") ?? "", parameters.get("token") ?? ""];

/** Registers a runner and lists all that the caller may see. */
async function firstRunners(): Promise<void> {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const transport = createConnectTransport({ baseUrl: url, interceptors: [authorize] });
  const runners = createClient(RunnerService, transport);

  const { runner, exchangeToken } = await runners.createRunner({
    name: "build-1",
    provider: RunnerProvider.AWS_EC2,
  });
  document.body.append(`${runner?.runnerId} ${exchangeToken}\n`);

  for (const { runnerId, name, status } of (await runners.listRunners({})).runners) {
    document.body.append(`${runnerId} ${name} ${status?.phase}\n`);
  }
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
const rows: readonly [row: string, transport: Transport][] = [
  ["gRPC-Web 1.1", createGrpcWebTransport(options)],
  // What has no side effects is called by GET.
  ["Connect 1.1", createConnectTransport({ ...options, useBinaryFormat: true, useHttpGet: true })],
  ["Connect-JSON 1.1", createConnectTransport({ ...options, useBinaryFormat: false })],
];

/** In a page that the server does not allow: the browser must hide every answer, though the server can be reached. */
async function beRefused(row: string, transport: Transport): Promise<void> {
  const reached = await fetch(`${url}/healthz`, { mode: "no-cors" });
  expect(reached.type === "opaque", `the server cannot be reached: ${reached.type}`);
  const { createRunner, listRunners } = createClient(RunnerService, transport);
  for (const call of [
    listRunners({}),
    createRunner({ name: "stranger", provider: RunnerProvider.AWS_EC2 }),
  ]) {
    const refused = await refusal(call);
    expect(refused.rawMessage === "Failed to fetch", `the page was told ${refused.message}`);
  }
  say(`ok ${row} cors`);
}

/** In a page that it allows. */
async function call(): Promise<void> {
  await firstRunners();
  expect(!document.body.textContent.includes("stranger"), "a page that was refused has registered a runner");
  for (const [row, transport] of rows) await tell(row, transport, say);
}

let said = Promise.resolve();
/** Tells whoever serves this page, which the server's origins have no say in. */
function say(line: string): void {
  said = said.then(async () => void (await fetch("/say", { method: "POST", body: line })));
}

try {
  if (location.origin === "http://console.test") await call();
  else for (const [row, transport] of rows) await beRefused(row, transport);
} catch (why) {
  say(`not ok Connect 1.1 create: at ${location.origin}: ${why}`);
}
await said;
await fetch("/end", { method: "POST" });
