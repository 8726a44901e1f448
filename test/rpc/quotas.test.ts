import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import { RunnerProvider } from "../../src/domain/runners/enums.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

const create = () =>
  server.client(RunnerService).createRunner({ name: "runner", provider: RunnerProvider.AWS_EC2 });

test("a runner has so many unused exchange tokens, and a used one makes room", async () => {
  const { runner, exchangeToken } = await create();
  const mint = () => server.client(RunnerService).createRunnerToken({ runnerId: runner?.runnerId ?? "" });
  for (let minted = 1; minted < 100; minted += 1) await mint();
  expect(await refusal(mint())).toMatchObject({ code: "resource_exhausted", reason: "TOO_MANY_TOKENS" });
  await server.client(IdentityService, { token: null }).exchangeToken({ exchangeToken });
  await mint();
});

test("a runner has so many streams open, and one that ends makes room", async () => {
  const { exchangeToken } = await create();
  const identity = server.client(IdentityService, { token: null });
  const { accessToken } = await identity.exchangeToken({ exchangeToken });
  const agent = server.client(RunnerAgentService, { token: accessToken });
  const { generation } = await agent.renewRegistration({});
  const open = async () => {
    const end = new AbortController();
    const stream = agent.watchRegistration({ generation }, { signal: end.signal })[Symbol.asyncIterator]();
    await stream.next();
    return { end, stream };
  };
  const opened = await Promise.all(Array.from({ length: 16 }, open));
  const told = await refusal(open());
  expect(told).toMatchObject({ code: "resource_exhausted", reason: "TOO_MANY_WATCHES", retrySeconds: 30 });
  for (const { end, stream } of opened) {
    end.abort();
    await stream.next().catch(() => {});
  }
});
