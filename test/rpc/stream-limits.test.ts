import { afterEach, expect, test } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import { defaultCallRates } from "../../src/domain/limits/call-limits.ts";
import { OpenStreams } from "../../src/domain/limits/open-streams.ts";
import { defaultQuotas, type Quotas } from "../../src/domain/limits/quotas.ts";
import { live } from "../fleet/fixture.ts";
import { eventually } from "../support/eventually.ts";
import { newServiceAccount } from "../support/people.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { openWatch } from "./events/fixture.ts";

let server: TestServer;
afterEach(() => server.close());

const start = async (quotas: Partial<Quotas>) => {
  server = await startTestServer({
    config: { quotas: { ...defaultQuotas, ...quotas }, trustedProxies: ["127.0.0.1"] },
  });
};

/** Opens a stream up to its first message. */
async function opened<T>(
  watch: (signal: AbortSignal) => AsyncIterable<T>,
): Promise<{ end(): Promise<void> }> {
  const abort = new AbortController();
  const stream = watch(abort.signal)[Symbol.asyncIterator]();
  await stream.next();
  return {
    async end() {
      abort.abort();
      await stream.next().catch(() => {});
    },
  };
}

const from = (address: string) => ({ "x-forwarded-for": address });
const watchHealth = (address: string, service = "") =>
  opened((signal) =>
    server.client(Health, { token: null, headers: from(address) }).watch({ service }, { signal }),
  );

async function* question(asked: Promise<void>) {
  yield { messageRequest: { case: "listServices" as const, value: "" } };
  await asked;
}
const reflect = (service: typeof ServerReflection | typeof ServerReflectionAlpha, address: string) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  return opened((signal) => {
    signal.addEventListener("abort", () => resolve());
    const client = server.client(service as typeof ServerReflection, { token: null, headers: from(address) });
    return client.serverReflectionInfo(question(promise), { signal });
  });
};

test("one address has so many streams of health and reflection together, and one that ends makes room", async () => {
  await start({ addressStreams: 4 });
  const open = [
    await watchHealth("192.0.2.1"),
    await watchHealth("192.0.2.1", "no.such.Service"),
    await reflect(ServerReflection, "192.0.2.1"),
    await reflect(ServerReflectionAlpha, "192.0.2.1"),
  ];
  const { message, ...told } = await refusal(watchHealth("192.0.2.1"));
  expect(told).toMatchObject({ code: "resource_exhausted", reason: "TOO_MANY_WATCHES", retrySeconds: 30 });
  expect(message).toContain("--max-address-streams");
  expect((await refusal(reflect(ServerReflection, "192.0.2.1"))).reason).toBe("TOO_MANY_WATCHES");
  open.push(await watchHealth("192.0.2.2"));
  await open[0]?.end();
  open.push(await eventually(() => watchHealth("192.0.2.1")));
  for (const stream of open) await stream.end();
});

test("all addresses together have so many streams without a token, and callers with one are not touched", async () => {
  await start({ anonymousStreams: 2 });
  const open = [await watchHealth("192.0.2.1"), await watchHealth("2001:db8::1")];
  const { message, reason } = await refusal(watchHealth("192.0.2.3"));
  expect([reason, message]).toEqual(["TOO_MANY_WATCHES", expect.stringContaining("--max-anonymous-streams")]);
  const watch = openWatch(server);
  await watch.opened;
  await watch.leave();
  await open[0]?.end();
  open.push(await eventually(() => watchHealth("192.0.2.3")));
  for (const stream of open) await stream.end();
});

test("a question of reflection counts as a call", async () => {
  server = await startTestServer({
    config: { callRates: { ...defaultCallRates, perAddress: 1, burstSeconds: 5 } },
  });
  const client = server.client(ServerReflection, { token: null });
  async function* questions() {
    for (;;) yield { messageRequest: { case: "listServices" as const, value: "" } };
  }
  const answers = client.serverReflectionInfo(questions())[Symbol.asyncIterator]();
  // Opening the stream was the first.
  for (let asked = 1; asked < 5; asked += 1) expect((await answers.next()).done).toBe(false);
  expect((await refusal(answers.next())).reason).toBe("RATE_LIMITED");
});

test("a runner has so many streams, of events and of its registration together; another one has its own", async () => {
  await start({ runnerStreams: 3 });
  const [agent, neighbour] = [await live(server), await live(server)];
  const { generation } = await server
    .client(RunnerAgentService, { token: agent.token })
    .renewRegistration({});
  const registration = await opened((signal) =>
    server.client(RunnerAgentService, { token: agent.token }).watchRegistration({ generation }, { signal }),
  );
  const watches = [openWatch(server, { token: agent.token }), openWatch(server, { token: agent.token })];
  for (const watch of watches) await watch.opened;
  const { reason, message } = await refusal(openWatch(server, { token: agent.token }).done);
  expect([reason, message]).toEqual(["TOO_MANY_WATCHES", expect.stringContaining("--max-runner-streams")]);
  const theirs = openWatch(server, { token: neighbour.token });
  await theirs.opened;
  await registration.end();
  for (const watch of [...watches, theirs]) await watch.leave();
});

test("an account has so many event streams, however many tokens it has; the others of its organisation have theirs", async () => {
  await start({ callerStreams: 2 });
  const account = await newServiceAccount(server, "watcher");
  const watches = [openWatch(server, { token: account.token }), openWatch(server, { token: account.token })];
  for (const watch of watches) await watch.opened;
  const { reason, message } = await refusal(openWatch(server, { token: account.token }).done);
  expect([reason, message]).toEqual(["TOO_MANY_WATCHES", expect.stringContaining("--max-caller-streams")]);
  const admins = openWatch(server);
  await admins.opened;
  for (const watch of [...watches, admins]) await watch.leave();
});

test("nothing stays of streams that have ended", async () => {
  server = await startTestServer();
  const streams = new OpenStreams({ ...defaultQuotas, addressStreams: 1 });
  for (let network = 0; network < 1000; network += 1)
    streams.open({ address: `2001:db8:0:${network.toString(16)}::1` })();
  expect(streams.anonymous).toBe(0);
  const close = streams.open({ address: "2001:db8::1" });
  // The same /64.
  expect(() => streams.open({ address: "2001:db8::2" })).toThrow("--max-address-streams");
  close();
  streams.open({ address: "2001:db8::2" })();
});
