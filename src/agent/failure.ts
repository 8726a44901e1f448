import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { type RefusalReason, refusals } from "../domain/leases/refusal.ts";
import { type AgentEnd, agentEnd, type EndKind, exitCodes } from "./end.ts";

/** What a failed call means for the agent. */
export type Failure =
  /** Try the same again, no sooner than the server asked for. */
  | { readonly kind: "retry"; readonly atLeastMs: number; readonly why: string; readonly timedOut: boolean }
  /** This generation is over: renew with generation 0. */
  | { readonly kind: "reopen"; readonly why: string }
  /** The server said no, without a reason that the agent knows: final before the first success, else tried again. */
  | { readonly kind: "refused"; readonly end: AgentEnd; readonly atLeastMs: number; readonly why: string }
  /** Nothing mends this without a person. */
  | { readonly kind: "final"; readonly end: AgentEnd; readonly why: string };

const refusing: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.Unauthenticated,
  Code.PermissionDenied,
  Code.Unimplemented,
  Code.FailedPrecondition,
  Code.OutOfRange,
]);

/** Reads an error of a call: its machine-readable reason decides, then its code. */
export function readFailure(error: unknown): Failure {
  const failed = ConnectError.from(error);
  const why = `${codeToString(failed.code)}: ${failed.rawMessage}${causeOf(failed)}`;
  const reason = failed.findDetails(ErrorInfoSchema)[0]?.reason ?? "";
  if (isRefusal(reason) && refusals[reason].remedy === "reopen") return { kind: "reopen", why };
  if (isEnd(reason)) return { kind: "final", end: agentEnd(reason, failed.rawMessage), why };
  const atLeastMs = retryAfterMs(failed);
  if (refusing.has(failed.code)) {
    return { kind: "refused", end: agentEnd("REFUSED", why), atLeastMs, why };
  }
  return { kind: "retry", atLeastMs, why, timedOut: failed.code === Code.DeadlineExceeded };
}

function retryAfterMs(failed: ConnectError): number {
  const delay = failed.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const ms =
    delay === undefined ? Number(failed.metadata.get("retry-after") ?? 0) * 1_000 : durationMs(delay);
  return Number.isFinite(ms) && ms > 0 ? ms : 0;
}

/** TLS and socket errors name their trouble only in the cause. */
function causeOf(failed: ConnectError): string {
  const { cause } = failed;
  if (!(cause instanceof Error) || cause.message === "" || failed.rawMessage.includes(cause.message))
    return "";
  return ` (${cause.message})`;
}

function isRefusal(reason: string): reason is RefusalReason {
  return Object.hasOwn(refusals, reason);
}

function isEnd(reason: string): reason is EndKind {
  return Object.hasOwn(exitCodes, reason);
}
