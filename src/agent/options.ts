import type { JsonValue } from "@bufbuild/protobuf";
import type { AgentConnection } from "./connection.ts";
import type { AgentLog } from "./log.ts";
import type { HostHttp } from "./scm/http.ts";
import type { Time } from "./time.ts";
import type { AgentTiming } from "./timing.ts";
import type { WantedState } from "./wanted.ts";

/** What the agent does on this host. Each may throw: the error's message is what operators read. */
export interface AgentHooks {
  /** Puts a spec into force. Called once for each process at least: what an earlier one applied is not remembered. */
  readonly onSpec?: (wanted: WantedState, signal: AbortSignal) => Promise<void>;
  /** Resolves while the runner is well. Asked before the first renewal and after each scheduled one. */
  readonly health?: (signal: AbortSignal) => Promise<void>;
  /**
   * Answers a question in place of the agent, both as JSON of the agent protocol: of Question, with the credentials opened,
   * and of AnswerQuestionRequest. Null: the agent answers by itself.
   */
  readonly onQuestion?: (question: JsonValue, signal: AbortSignal) => Promise<JsonValue | null>;
  /** Finishes what runs here. The signal aborts when the server waits no longer. */
  readonly onWindDown?: (remainingMs: number, signal: AbortSignal) => Promise<void>;
}

/** What the runner says of itself, the same for the whole life of the process. */
export interface RunnerFacts {
  readonly version: string;
  /** At most 16 KiB, by convention JSON (host.ts). */
  readonly systemDetails: string;
  /** Unset: what was reported before stays. */
  readonly region?: string;
  /** Numbers of `gitpod.v1.RunnerCapability`. */
  readonly capabilities: readonly number[];
  readonly additionalInfo: readonly { readonly key: string; readonly value: string }[];
}

export interface AgentOptions {
  /** The file with the exchange token; may be gone once it was exchanged. */
  readonly tokenFile: string;
  /** Where the agent keeps its access token and key pair. Made if it is missing. */
  readonly stateDir: string;
  readonly connection: AgentConnection;
  readonly facts: RunnerFacts;
  readonly hooks: AgentHooks;
  /** Aborted: sign off and end. */
  readonly stop: AbortSignal;
  readonly log: AgentLog;
  /** For tests: the machine's own when unset. */
  readonly time?: Time;
  /** Uniform in [0, 1); for tests. */
  readonly random?: () => number;
  readonly timing?: AgentTiming;
  /** How source-code hosts are asked; for tests. */
  readonly hostHttp?: Pick<HostHttp, "get">;
}
