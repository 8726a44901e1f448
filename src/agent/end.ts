import { RefusalReason } from "../domain/leases/refusal.ts";

/** Why an agent ended, with the exit code of `rollcall agent`; docs/agent-protocol.md lists them for supervisors. */
export const exitCodes = {
  /** Asked to stop: signed off, or at least tried to. */
  STOPPED: 0,
  /** The runner was being deleted: wound down and signed off. */
  WOUND_DOWN: 0,
  /** The state folder, the token file or the CA file cannot be used as it is. */
  STATE_UNUSABLE: 3,
  /** Another agent on this machine uses the state folder. */
  STATE_IN_USE: 4,
  [RefusalReason.TOKEN_EXPIRED]: 10,
  [RefusalReason.TOKEN_REVOKED]: 11,
  [RefusalReason.TOKEN_UNKNOWN]: 12,
  [RefusalReason.WRONG_RUNNER]: 13,
  [RefusalReason.RUNNER_DELETED]: 14,
  [RefusalReason.SUPERSEDED]: 15,
  EXCHANGE_TOKEN_UNKNOWN: 20,
  EXCHANGE_TOKEN_USED: 21,
  EXCHANGE_TOKEN_EXPIRED: 22,
  /** Refused without a reason that the agent knows, in a way that waiting does not mend. */
  REFUSED: 30,
} as const;
export type EndKind = keyof typeof exitCodes;

/** How an agent ended. */
export interface AgentEnd {
  readonly kind: EndKind;
  readonly exitCode: number;
  /** One line for people: what happened, and what to do about it. */
  readonly message: string;
}

const advice: Readonly<Record<EndKind, string>> = {
  STOPPED: "",
  WOUND_DOWN: "",
  STATE_UNUSABLE: "",
  STATE_IN_USE: "stop the other agent, or give this one a --state-dir of its own",
  TOKEN_EXPIRED:
    "create a new token for the runner (CreateRunnerToken), put it into the token file, start again",
  TOKEN_REVOKED:
    "create a new token for the runner (CreateRunnerToken), put it into the token file, start again",
  TOKEN_UNKNOWN:
    "check --server; if it is right, create a new token for the runner and put it into the token file",
  WRONG_RUNNER: "the state folder mixes two runners: give each agent a --state-dir of its own",
  RUNNER_DELETED: "register a new runner if this machine is to serve again",
  SUPERSEDED:
    "another process runs as this runner; if that is not wanted, stop one of the two before starting again",
  EXCHANGE_TOKEN_UNKNOWN: "check --server and that the token file holds the runner's exchange token, in full",
  EXCHANGE_TOKEN_USED:
    "it works once: create a new token for the runner (CreateRunnerToken) and put it into the token file",
  EXCHANGE_TOKEN_EXPIRED:
    "create a new token for the runner (CreateRunnerToken) and put it into the token file",
  REFUSED: "check --server and the versions of server and agent",
};

/** @param what what happened, without a full stop */
export function agentEnd(kind: EndKind, what: string): AgentEnd {
  const message = advice[kind] === "" ? what : `${what}: ${advice[kind]}`;
  return { kind, exitCode: exitCodes[kind], message };
}

/** Thrown inside the agent where it cannot go on; runAgent() answers with its end. */
export class AgentEndError extends Error {
  override readonly name = "AgentEndError";
  readonly end: AgentEnd;

  constructor(end: AgentEnd) {
    super(end.message);
    this.end = end;
  }
}
