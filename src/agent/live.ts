import type { Client } from "@connectrpc/connect";
import type { RunnerAgentService, WindDown } from "../../gen/rollcall/v1/agent_pb.js";
import type { Condition } from "./condition.ts";
import type { AgentConnection } from "./connection.ts";
import type { AgentEnd } from "./end.ts";
import type { AgentLog } from "./log.ts";
import type { AgentHooks } from "./options.ts";
import type { Answers } from "./questions.ts";
import type { Identity, Registration } from "./registration.ts";
import type { SpecApplier } from "./spec-applier.ts";
import type { Time } from "./time.ts";
import type { AgentTiming } from "./timing.ts";
import type { Bell } from "./waiting.ts";

/** Why an agent that was live ends. */
export type Leaving =
  | { readonly kind: "refused"; readonly end: AgentEnd }
  | { readonly kind: "stopped" }
  | { readonly kind: "wound-down"; readonly problem: string | null };

/** What the loops of one process share. */
export interface Live {
  readonly client: Client<typeof RunnerAgentService>;
  readonly connection: AgentConnection;
  readonly headers: { readonly authorization: string };
  readonly identity: Identity;
  readonly hooks: AgentHooks;
  readonly log: AgentLog;
  readonly time: Time;
  readonly timing: AgentTiming;
  readonly random: () => number;
  readonly condition: Condition;
  readonly specs: SpecApplier;
  readonly answers: Answers;
  /** Rings when something is to be told before the next renewal is due, and when the loops are to end. */
  readonly news: Bell;
  /** Changed by renewals alone. */
  registration: Registration;
  /** Aborts when the loops are to end. */
  readonly life: AbortSignal;
  /** Aborts when a call that still runs then is to be given up. */
  readonly calls: AbortSignal;
  /** Ends the loops; the first reason counts. */
  leave(why: Leaving): void;
  /** The server wishes the runner to wind down; it says so again and again. */
  windDown(wish: WindDown): void;
}
