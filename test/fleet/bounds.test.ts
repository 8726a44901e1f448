import { afterAll, beforeAll, expect, test } from "vitest";
import { RunnerPhase } from "../../gen/gitpod/v1/runner_pb.js";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type Agent, live, statusOf } from "./fixture.ts";

let server: TestServer;
let agent: Agent;
beforeAll(async () => {
  server = await startTestServer();
  agent = await live(server);
});
afterAll(() => server.close());

type Status = NonNullable<Parameters<Agent["renew"]>[0]>["status"];

const tooMuch: [string, Status & object, string][] = [
  ["a message of 1 MiB", { message: "x".repeat(1024 * 1024) }, "status.message"],
  ["host details of 1 MiB", { systemDetails: "x".repeat(1024 * 1024) }, "status.system_details"],
  [
    "10,000 capabilities",
    { capabilities: { values: Array.from({ length: 10_000 }, (_, index) => index + 1) } },
    "status.capabilities.values",
  ],
  ["a public key of 31 bytes", { publicKey: new Uint8Array(31) }, "status.public_key"],
  ["a public key of 33 bytes", { publicKey: new Uint8Array(33) }, "status.public_key"],
  ["no public key any more", { publicKey: new Uint8Array() }, "status.public_key"],
  ["a log URL of another scheme", { logUrl: "javascript:alert(1)" }, "status.log_url"],
  ["a phase that is not the runner's to say", { phase: RunnerPhase.INACTIVE }, "status.phase"],
];

test.each(tooMuch)(
  "%s is refused, names the field, and does not count as a renewal",
  async (_, status, field) => {
    const before = await statusOf(server, agent.id);
    expect(await refusal(agent.renew({ status }))).toMatchObject({
      code: "invalid_argument",
      fields: [field],
    });
    expect(await statusOf(server, agent.id)).toEqual(before);
    await agent.renew();
  },
);

test("a report larger than any message may be is refused as such, and the runner lives on", async () => {
  const message = "x".repeat(server.config.limits.messageBytes);
  expect(await refusal(agent.renew({ status: { message } }))).toMatchObject({ code: "resource_exhausted" });
  await agent.renew();
});

test("control characters in text for people are replaced, and the reply says so", async () => {
  const { notices } = await agent.renew({
    status: {
      phase: RunnerPhase.DEGRADED,
      message: "disk\u001b[2J full\u0000\n\tsee log\u202e",
      additionalInfo: { entries: [{ key: "na\rme", value: "va\u009blue" }] },
    },
  });
  expect(notices).toEqual([
    "message: 3 control characters were replaced",
    expect.stringMatching(/^additional_info: 1 control character was replaced$/),
    expect.stringMatching(/^additional_info: 1 control character was replaced$/),
  ]);
  expect(await statusOf(server, agent.id)).toMatchObject({
    message: "disk\ufffd[2J full\ufffd\n\tsee log\ufffd",
    additionalInfo: [{ key: "na\ufffdme", value: "va\ufffdlue" }],
  });
});

test("what is just inside the bounds is kept as it is", async () => {
  const publicKey = Uint8Array.from({ length: 32 }, (_, index) => index);
  const message = "m".repeat(4096);
  const values = Array.from({ length: 256 }, (_, index) => index + 1);
  const { notices } = await agent.renew({ status: { message, publicKey, capabilities: { values } } });
  expect(notices).toEqual([]);
  const status = await statusOf(server, agent.id);
  expect(status).toMatchObject({ message, capabilities: values });
  expect([...status.publicKey]).toEqual([...publicKey]);
});
