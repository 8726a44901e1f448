import { RefusalReason } from "../domain/leases/refusal.ts";

/** Why an agent ended, with the exit code of `rollcall agent`; docs/agent-protocol.md lists them for supervisors. */
export const exitCodes = {
  /** Asked to stop: signed off, or at least tried to. */
  STOPPED: 0,
  /** The runner was being deleted: wound down and signed off. */
  WOUND_DOWN: 0,
  [RefusalReason.TOKEN_EXPIRED]: 10,
  [RefusalReason.TOKEN_REVOKED]: 11,
  [RefusalReason.TOKEN_UNKNOWN]: 12,
  TOKEN_MALFORMED: 12,
  TOKEN_MISSING: 12,
  EXCHANGE_TOKEN_UNKNOWN: 13,
  EXCHANGE_TOKEN_USED: 13,
  EXCHANGE_TOKEN_EXPIRED: 13,
  [RefusalReason.RUNNER_DELETED]: 14,
  [RefusalReason.SUPERSEDED]: 15,
  [RefusalReason.WRONG_RUNNER]: 16,
  /** `permission_denied` without a reason: not a runner's token. */
  NOT_A_RUNNER: 17,
  /** The server does not have the method, or answers what it must not. */
  NOT_SPOKEN: 18,
  /** Another agent on this machine uses the state folder. */
  STATE_IN_USE: 19,
  /** The state folder, the token file or a certificate file cannot be used as it is. */
  STATE_UNUSABLE: 20,
  /** A variable of the environment names no proxy. */
  PROXY_UNUSABLE: 20,
  /** The server wants a certificate, and none was shown. */
  CLIENT_CERTIFICATE_REQUIRED: 21,
} as const;
export type EndKind = keyof typeof exitCodes;

/** How an agent ended. */
export interface AgentEnd {
  readonly kind: EndKind;
  readonly exitCode: number;
  /** One line for people: what happened, and what to do about it. */
  readonly message: string;
}

const newToken =
  "create a new token for the runner (CreateRunnerToken), put it into the token file and start again";

const advice: Readonly<Record<EndKind, string>> = {
  STOPPED: "",
  WOUND_DOWN: "",
  TOKEN_EXPIRED: newToken,
  TOKEN_REVOKED: newToken,
  TOKEN_UNKNOWN: `check --server and --state-dir; if they are right, ${newToken}`,
  TOKEN_MALFORMED: `check --server and --state-dir; if they are right, ${newToken}`,
  TOKEN_MISSING: "a proxy before the server may have removed the Authorization header",
  EXCHANGE_TOKEN_UNKNOWN: "check --server, and that the token file holds the runner's exchange token in full",
  EXCHANGE_TOKEN_USED: newToken,
  EXCHANGE_TOKEN_EXPIRED: newToken,
  RUNNER_DELETED: "remove the state folder; register a new runner if this machine is to serve again",
  SUPERSEDED: "if that is not wanted, stop one of the two before starting again",
  WRONG_RUNNER: "state folders are mixed up; give each agent a --state-dir of its own",
  NOT_A_RUNNER: "check that the token file holds the exchange token of a runner",
  NOT_SPOKEN: "check --server and --protocol, and that the server is new enough",
  STATE_IN_USE: "stop the other agent, or give this one a --state-dir of its own",
  STATE_UNUSABLE: "",
  PROXY_UNUSABLE: "",
  CLIENT_CERTIFICATE_REQUIRED: "give the agent one, with --client-cert and --client-key",
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
