import { createClient } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { agentProtocols, openConnection } from "../../src/agent/index.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(async () => {
  await server.close();
});

test.each(agentProtocols)("a call after a reset has a connection of its own, over %s", async (protocol) => {
  const connection = openConnection({ server: new URL(server.url), protocol });
  const client = createClient(RunnerService, connection.transport);
  const options = { headers: { authorization: `Bearer ${adminToken}` }, timeoutMs: 10_000 };
  // The one before is still connecting, and fails at some turn before or after the next call begins.
  for (let turns = 0; turns < 12; turns += 1) {
    const dropped = client.listRunners({}, options).then(
      () => "answered",
      () => "dropped",
    );
    for (let turn = 0; turn < 6; turn += 1) await null;
    connection.reset();
    for (let turn = 0; turn < turns; turn += 1) await null;
    expect((await client.listRunners({}, options)).runners).toEqual([]);
    expect(await dropped).toBe("dropped");
    connection.reset();
  }
});
