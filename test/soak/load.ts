import net from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import { type Clients, clientsOf, type Wire, wires } from "../support/clients.ts";
import { postJson } from "../support/http.ts";

/** What one client does on connections of its own before it closes them. @returns how many calls it made */
type Visit = (url: string, token: string, wire: Wire) => Promise<number>;

/** A runner's whole life: made, bootstrapped, renewed, changed, deleted. */
const runnerLife: Visit = (url, token, wire) =>
  withClients(url, async (clients) => {
    const runners = clients.client(RunnerService, { wire, token });
    const made = await runners.createRunner({
      name: "soaked",
      provider: RunnerProvider.AWS_EC2,
      spec: { configuration: { region: "eu-central-1" } },
    });
    const runnerId = made.runner?.runnerId ?? "";
    const identity = clients.client(IdentityService, { wire, token: null });
    const { accessToken } = await identity.exchangeToken({ exchangeToken: made.exchangeToken });
    const agent = clients.client(RunnerAgentService, { wire, token: accessToken });
    const { generation } = await agent.renewRegistration({});
    for (let times = 0; times < 10; times++) await agent.renewRegistration({ generation });
    await agent.renewRegistration({ generation, status: { phase: RunnerPhase.DEGRADED, message: "low" } });
    await runners.updateRunner({ runnerId, name: "soaked again" });
    await runners.getRunner({ runnerId });
    await runners.listRunners({ pagination: { pageSize: 10 } });
    await runners.deleteRunner({ runnerId, force: true });
    return 17;
  });

/** A watch that hears of a change, and is broken off by its client. */
const watch: Visit = (url, token, wire) =>
  withClients(url, async (clients) => {
    const over = wire.startsWith("connect-get") ? "grpc 2" : wire;
    const { organizationId } = await clients.client(IdentityService, { token }).getAuthenticatedIdentity({});
    const stop = new AbortController();
    const events = clients
      .client(EventService, { wire: over, token })
      .watchEvents({ scope: { case: "organization", value: true } }, { signal: stop.signal });
    const heard = (async () => {
      for await (const _ of events) return;
    })().catch((error: unknown) => {
      if (!(error instanceof ConnectError && error.code === Code.Canceled)) throw error;
    });
    const runners = clients.client(RunnerService, { token });
    const { runner } = await runners.createRunner({ name: "watched", provider: RunnerProvider.GCP });
    setTimeout(() => stop.abort(), 50);
    await heard;
    await runners.deleteRunner({ runnerId: runner?.runnerId ?? "", force: true });
    return organizationId === "" ? 0 : 4;
  });

/** What must be refused: strangers, unreadable bodies, things that are not there. */
const refusals: Visit = async (url, token) => {
  const post = (body: unknown, bearer: string) =>
    postJson(url, "gitpod.v1.RunnerService/GetRunner", body, { authorization: `Bearer ${bearer}` });
  const found = [
    (await post({}, `stranger-${Math.random()}`)).status === 401,
    (await post("{", token)).status === 400,
    (await post({ runnerId: "01a20abb-0bfb-7000-9565-cb103eb5ccda" }, token)).status === 404,
  ];
  if (found.includes(false)) throw new Error(`refused otherwise: ${found}`);
  return 3;
};

/** Connections that go without a word, in the middle of one, or in the middle of an answer. */
const brokenOff: Visit = async (url, token) => {
  const head = `POST /gitpod.v1.RunnerService/ListRunners HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n`;
  const starts = [
    "",
    "POST /gitpod",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    `${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    `${head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
  ];
  await Promise.all(
    starts.map(
      (start) =>
        new Promise<void>((resolve) => {
          const socket = net.connect(Number(new URL(url).port), "127.0.0.1", () => {
            socket.write(start, () => setTimeout(() => socket.resetAndDestroy(), Math.random() * 10));
          });
          socket.on("error", () => {}).once("close", () => resolve());
        }),
    ),
  );
  return starts.length;
};

const visits = [runnerLife, runnerLife, watch, refusals, brokenOff];

/**
 * Has clients visit a server for some time, `width` at once; each takes another kind of visit and another wire in turn,
 * and new connections.
 * @returns how many calls were made
 * @throws what a client was refused
 */
export async function load(url: string, token: string, width: number, forMs: number): Promise<number> {
  const until = performance.now() + forMs;
  let [calls, turn] = [0, 0];
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (performance.now() < until) {
        const visit = visits[turn % visits.length] ?? runnerLife;
        const wire = wires[Math.floor(turn / visits.length) % wires.length] ?? "grpc 2";
        turn += 1;
        calls += await visit(url, token, wire);
      }
    }),
  );
  return calls;
}

async function withClients(url: string, use: (clients: Clients) => Promise<number>): Promise<number> {
  const clients = clientsOf(url);
  try {
    return await use(clients);
  } finally {
    clients.close();
  }
}
