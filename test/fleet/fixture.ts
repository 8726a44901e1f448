import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, ConnectError } from "@connectrpc/connect";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { type CreateRunnerRequestSchema, RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import {
  type RenewRegistrationRequestSchema,
  type RenewRegistrationResponse,
  RunnerAgentService,
  type WatchRegistrationResponse,
} from "../../gen/rollcall/v1/agent_pb.js";
import type { TestClock } from "../support/clock.ts";
import type { TestServer } from "../support/server.ts";

export type NewRunner = MessageInitShape<typeof CreateRunnerRequestSchema>;
type Renewal = MessageInitShape<typeof RenewRegistrationRequestSchema>;

/** A runner as a test drives it: its registration, its credential and what it says. */
export interface Agent {
  readonly id: string;
  readonly token: string;
  readonly calls: Client<typeof RunnerAgentService>;
  /** The newest generation and revision that a renewal brought. */
  generation: number;
  revision: number;
  /** Renews with what is known, unless told otherwise. Generation 0 opens a new one. */
  renew(change?: Renewal): Promise<RenewRegistrationResponse>;
  /** Opens the watch; `next()` resolves to the next event that is no keep-alive, and rejects as the stream ends. */
  watch(generation?: number): Watch;
}

export interface Watch {
  next(): Promise<WatchRegistrationResponse["event"]>;
  /** What the stream ended with. */
  ended(): Promise<ConnectError>;
  close(): void;
}

/** Registers a runner; resolves to its id and its exchange token. */
export async function register(server: TestServer, request: NewRunner = {}) {
  const { runner, exchangeToken } = await server.client(RunnerService).createRunner({
    name: "runner",
    provider: RunnerProvider.AWS_EC2,
    ...request,
  });
  return { id: runner?.runnerId ?? "", exchangeToken };
}

/** Registers a runner and exchanges its token; it has not renewed yet. */
export async function bootstrapped(server: TestServer, request: NewRunner = {}): Promise<Agent> {
  const { id, exchangeToken } = await register(server, request);
  return agentOf(server, id, await exchange(server, exchangeToken));
}

export async function exchange(server: TestServer, exchangeToken: string): Promise<string> {
  const { accessToken } = await server
    .client(IdentityService, { token: null })
    .exchangeToken({ exchangeToken });
  return accessToken;
}

/** A runner that is ACTIVE and has applied its spec. */
export async function live(server: TestServer, request: NewRunner = {}): Promise<Agent> {
  const agent = await bootstrapped(server, request);
  await agent.renew({ generation: 0, status: { phase: RunnerPhase.ACTIVE, version: "1.0.0" } });
  await agent.renew();
  return agent;
}

/** The agent of a runner that holds this access token. */
export function agentOf(server: TestServer, id: string, token: string): Agent {
  const agent: Agent = {
    id,
    token,
    // A restarted server has another port: the client is made anew for each call.
    get calls() {
      return server.client(RunnerAgentService, { token });
    },
    generation: 0,
    revision: 0,
    async renew(change = {}) {
      const { generation, revision } = agent;
      const reply = await agent.calls.renewRegistration({
        generation,
        appliedSpecRevision: revision,
        ...change,
      });
      agent.generation = reply.generation;
      agent.revision = reply.wanted?.revision ?? agent.revision;
      return reply;
    },
    watch: (generation = agent.generation) => openWatch(agent, generation),
  };
  return agent;
}

function openWatch(agent: Agent, generation: number): Watch {
  const stop = new AbortController();
  const stream = agent.calls
    .watchRegistration({ generation, appliedSpecRevision: agent.revision }, { signal: stop.signal })
    [Symbol.asyncIterator]();
  const next = async (): Promise<WatchRegistrationResponse["event"]> => {
    for (;;) {
      const { done, value } = await stream.next();
      if (done) throw new Error("the stream ended without an error");
      if (value.event.case !== "keepAlive") return value.event;
    }
  };
  return {
    next,
    async ended() {
      for (;;) {
        try {
          await next();
        } catch (error) {
          return ConnectError.from(error);
        }
      }
    },
    close: () => stop.abort(),
  };
}

/** The status that operators read. */
export async function statusOf(server: TestServer, id: string) {
  const { runner } = await server.client(RunnerService).getRunner({ runnerId: id });
  if (runner?.status === undefined) throw new Error("a runner without a status");
  return runner.status;
}

/** `desired_phase`, as an operator sets it. */
export async function setPhase(server: TestServer, id: string, desiredPhase: RunnerPhase): Promise<void> {
  await change(server, id, { desiredPhase });
}

export async function change(
  server: TestServer,
  runnerId: string,
  spec: NonNullable<Parameters<Client<typeof RunnerService>["updateRunner"]>[0]["spec"]>,
): Promise<void> {
  await server.client(RunnerService).updateRunner({ runnerId, spec });
}

/** Below the gap that the server takes for a stall of its own (StallSettings.thresholdMs), in milliseconds. */
const stepMs = 2_000;

/** Lets time pass while the server looks at its leases, as it does at least once a second in the real world. */
export async function pass(server: TestServer, ms: number, id: string): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    server.clock.advance(Math.min(left, stepMs));
    await statusOf(server, id).catch((error) => {
      if (ConnectError.from(error).rawMessage !== "runner not found") throw error;
    });
  }
}

/** The clock of the machine, where another process has to agree on the time. */
export function realClock(): TestClock {
  const still = () => {
    throw new Error("the real clock cannot be moved");
  };
  return { now: Date.now, monotonic: () => performance.now(), advance: still, step: still };
}
