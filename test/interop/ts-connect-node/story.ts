// The story of every generated client, told by connect-node over each protocol that it speaks.
import { readFileSync } from "node:fs";
import type { Interceptor, Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { tell } from "./steps.ts";

const { ROLLCALL_URL: url = "", ROLLCALL_TOKEN: token = "" } = process.env;

const say = (line: string) => void process.stdout.write(`${line}\n`);
const { version } = JSON.parse(readFileSync("node_modules/@connectrpc/connect-node/package.json", "utf8"));
say(`version @connectrpc/connect-node ${version}`);
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
