import http2 from "node:http2";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { runShellCommand } from "../../src/agent/command.ts";
import { plainRequest } from "../support/http.ts";
import { Gate, toyServer } from "./support/toy-server.ts";

// A timer of Node that is asked to wait for 2^31 milliseconds or more does not wait at all.

const frame = (message: string) => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, Buffer.from(message)]);
};

test.each([
  ["grpc-timeout", "99999999H", "application/grpc"],
  ["grpc-timeout", "597H", "application/grpc+json"],
  ["grpc-timeout", "2147484S", "application/grpc-web+proto"],
  ["connect-timeout-ms", "9999999999", "application/connect+json"],
  ["connect-timeout-ms", "2147483648", "application/connect+proto"],
])("a stream with %s: %s goes on (%s)", async (name, value, type) => {
  const gate = new Gate();
  await using server = await toyServer({ gate });
  const session = http2.connect(server.url);
  const pseudo = { ":method": "POST", ":path": "/gitpod.v1.EventService/WatchEvents" };
  const stream = session.request({ ...pseudo, "content-type": type, [name]: value });
  stream.end(frame(type.includes("json") ? "{}" : ""));
  const received = text(stream);
  await gate.reached;
  // A timer that does not wait would be through by the time that these calls are.
  for (let calls = 0; calls < 20; calls += 1) await plainRequest(`${server.url}/nothing`);
  gate.open();
  expect(await received).toContain("last");
  session.close();
});

test.each([
  ["connect-timeout-ms", "9999999999", "application/json"],
  ["connect-timeout-ms", "9999999999", "application/json;charset=utf-8"],
  ["grpc-timeout", "99999999H", "application/grpc-web+json"],
])("a unary call with %s: %s is served (%s)", async (name, value, type) => {
  await using server = await toyServer();
  const path = `${server.url}/gitpod.v1.RunnerService/GetRunner`;
  const body = type.startsWith("application/json") ? '{"runnerId":"x"}' : frame('{"runnerId":"x"}');
  const answer = await plainRequest(path, {
    method: "POST",
    headers: { "content-type": type, [name]: value },
    body,
  });
  expect(answer.text).toContain('{"runner":{"runnerId":"x"}}');
});

test("a deadline that is no number of the protocol is refused as before", async () => {
  const headers = { "content-type": "application/json", "connect-timeout-ms": "99999999999" };
  await using server = await toyServer();
  const path = `${server.url}/gitpod.v1.RunnerService/GetRunner`;
  expect((await plainRequest(path, { method: "POST", headers, body: "{}" })).status).toBe(400);
});

test("a command of the agent that may take longer than a timer can wait is not cut at once", async () => {
  const run = { line: "exec sleep 0.1", environment: {}, input: "", secrets: [] };
  await runShellCommand({ ...run, timeoutMs: 2 ** 40, signal: new AbortController().signal });
});
