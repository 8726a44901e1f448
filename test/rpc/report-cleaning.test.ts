import { afterAll, beforeAll, expect, test } from "vitest";
import { type Agent, live, statusOf } from "../fleet/fixture.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let agent: Agent;
beforeAll(async () => {
  server = await startTestServer();
  agent = await live(server);
});
afterAll(() => server.close());

const odd = "a\u001b[2J\u202eb";
const shown = "a\ufffd[2J\ufffdb";

test("addresses and the gateway are cleaned of what could deceive a reader, and the reply says so", async () => {
  const latency = { seconds: 0n, nanos: 5_000_000 };
  const { notices } = await agent.renew({
    status: {
      logUrl: `https://log.example/${odd}`,
      llmUrl: `https://llm.example/${odd}`,
      supportBundleUrl: `https://bundle.example/${odd}`,
      gatewayInfo: { gateway: { name: odd, url: "https://gateway.example", region: odd }, latency },
    },
  });
  const replaced = "2 control characters were replaced";
  expect(notices.toSorted()).toEqual([
    `gateway_info: ${replaced}`,
    `gateway_info: ${replaced}`,
    `llm_url: ${replaced}`,
    `log_url: ${replaced}`,
    `support_bundle_url: ${replaced}`,
  ]);
  expect(await statusOf(server, agent.id)).toMatchObject({
    logUrl: `https://log.example/${shown}`,
    llmUrl: `https://llm.example/${shown}`,
    supportBundleUrl: `https://bundle.example/${shown}`,
    gatewayInfo: { gateway: { name: shown, url: "https://gateway.example", region: shown }, latency },
  });
});

test("a clean gateway is kept as it is, and an empty one takes it away", async () => {
  const gateway = { name: "eu", url: "https://gateway.example", region: "eu-1" };
  expect((await agent.renew({ status: { gatewayInfo: { gateway } } })).notices).toEqual([]);
  expect((await statusOf(server, agent.id)).gatewayInfo?.gateway).toMatchObject(gateway);
  await agent.renew({ status: { gatewayInfo: {} } });
  expect((await statusOf(server, agent.id)).gatewayInfo).toBeUndefined();
});

test("so is the reason of a sign-off", async () => {
  const { notices } = await agent.calls.signOff({ generation: agent.generation, reason: odd });
  expect(notices).toEqual(["reason: 2 control characters were replaced"]);
  expect((await statusOf(server, agent.id)).message).toContain(shown);
});
