import sodium from "libsodium-wrappers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { change, live } from "./fixture.ts";

let server: TestServer;
beforeEach(async () => {
  await sodium.ready;
  server = await startTestServer();
});
afterEach(() => server.close());

/** Every answer that the public API gives about a runner, as JSON. */
async function publicAnswers(id: string): Promise<string> {
  const get = await server.post("gitpod.v1.RunnerService/GetRunner", { runnerId: id });
  const list = await server.post("gitpod.v1.RunnerService/ListRunners", {});
  return get.text + list.text;
}

test("a Honeycomb key without a public key is refused with the text that clients match", async () => {
  const agent = await live(server);
  const key = "hcaik_not_to_be_kept";
  server.keepSecret(key);
  expect(await refusal(change(server, agent.id, { configuration: { honeycombApiKey: key } }))).toMatchObject({
    code: "failed_precondition",
    message: "runner does not have a public key",
  });
});

test("a Honeycomb key reaches the runner sealed to it, and nobody else at all", async () => {
  const agent = await live(server);
  const pair = sodium.crypto_box_keypair();
  const key = "hcaik_for_the_runner_alone";
  server.keepSecret(key);
  await agent.renew({ status: { publicKey: pair.publicKey } });
  await change(server, agent.id, { configuration: { honeycombApiKey: key } });
  const { wanted } = await agent.renew();
  const sealed = wanted?.spec?.configuration?.encryptedHoneycombApiKey ?? new Uint8Array();
  expect(Buffer.from(sealed).includes(key)).toBe(false);
  const opened = sodium.crypto_box_seal_open(sealed, pair.publicKey, pair.privateKey);
  expect(Buffer.from(opened).toString()).toBe(key);
  const answers = await publicAnswers(agent.id);
  expect(answers).not.toContain(key);
  expect(answers).not.toContain(Buffer.from(sealed).toString("base64"));
});

test("the metrics password reaches the runner in clear, by renewal and by stream, and nobody else", async () => {
  const password = "metrics-password-of-the-operator";
  server.keepSecret(password);
  const spec = {
    configuration: { metrics: { enabled: true, url: "https://m.example", username: "u", password } },
  };
  const agent = await live(server, { spec });
  // One that keeps its password, so that it is there to be found when the server's files are searched.
  await live(server, { spec });
  const fresh = await agent.renew({ appliedSpecRevision: 0 });
  expect(fresh.wanted?.spec?.configuration?.metrics).toMatchObject({ username: "u", password });
  const watch = agent.watch();
  const next = watch.next();
  await change(server, agent.id, { configuration: { metrics: { username: "other" } } });
  expect(await next).toMatchObject({
    case: "wanted",
    value: { spec: { configuration: { metrics: { username: "other", password } } } },
  });
  watch.close();
  const answers = await publicAnswers(agent.id);
  expect(answers).toContain("other");
  expect(answers).not.toContain(password);
  await server.client(RunnerService).updateRunner({
    runnerId: agent.id,
    spec: { configuration: { metrics: { password: "" } } },
  });
  expect((await agent.renew()).wanted?.spec?.configuration?.metrics?.password).toBe("");
});
