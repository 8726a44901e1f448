import { durationMs } from "@bufbuild/protobuf/wkt";
import { ViolationsSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { type RefusalReason, refusals } from "../domain/leases/refusal.ts";
import { type AgentEnd, agentEnd, type EndKind, exitCodes } from "./end.ts";
import { messageOf } from "./thrown.ts";

/** What a failed call means for the agent; `why` is for the log. */
export type Failure =
  /** Try the same again, no sooner than the server asked for. */
  | { readonly kind: "retry"; readonly askedMs: number; readonly why: string }
  /** This generation is over: renew with generation 0. */
  | { readonly kind: "reopen"; readonly why: string }
  /** A bound was exceeded: leave out what is named, as paths of proto names; empty when nothing is. */
  | { readonly kind: "invalid"; readonly fields: readonly string[]; readonly why: string }
  /** Refused, by a code alone: final, unless a proxy may have said it of a server that was there before. */
  | { readonly kind: "unexplained"; readonly end: AgentEnd; readonly why: string }
  /** Nothing mends this without a person. */
  | { readonly kind: "final"; readonly end: AgentEnd; readonly why: string };

const mendedByFiles = new Set(["CLIENT_CERTIFICATE_INVALID", "CLIENT_CERTIFICATE_MISMATCH"]);

/** Reads an error of a call: its machine-readable reason decides, then its code. */
export function readFailure(error: unknown): Failure {
  const failed = ConnectError.from(error);
  const why = `${codeToString(failed.code)}: ${failed.rawMessage}${causeOf(failed)}`;
  const reason = failed.findDetails(ErrorInfoSchema)[0]?.reason ?? "";
  if (isRefusal(reason) && refusals[reason].remedy === "reopen") return { kind: "reopen", why };
  // Another certificate may be in the files by the next try.
  if (mendedByFiles.has(reason)) return { kind: "retry", askedMs: 0, why };
  if (isEnd(reason)) return { kind: "final", end: agentEnd(reason, failed.rawMessage), why };
  switch (failed.code) {
    case Code.InvalidArgument:
      return { kind: "invalid", fields: violatedFields(failed), why };
    case Code.Unauthenticated:
      return { kind: "unexplained", end: agentEnd("TOKEN_UNKNOWN", why), why };
    case Code.PermissionDenied:
      return { kind: "unexplained", end: agentEnd("NOT_A_RUNNER", why), why };
    case Code.Unimplemented:
      return { kind: "unexplained", end: agentEnd("NOT_SPOKEN", why), why };
    default:
      return { kind: "retry", askedMs: retryAfterMs(failed), why };
  }
}

function violatedFields(failed: ConnectError): string[] {
  const violations = failed.findDetails(ViolationsSchema).flatMap((detail) => detail.violations);
  return violations.map(({ field }) => (field?.elements ?? []).map((part) => part.fieldName).join("."));
}

function retryAfterMs(failed: ConnectError): number {
  const delay = failed.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const ms =
    delay === undefined ? Number(failed.metadata.get("retry-after") ?? 0) * 1_000 : durationMs(delay);
  return Number.isFinite(ms) && ms > 0 ? ms : 0;
}

/** TLS and socket errors name their trouble only in the cause. */
function causeOf(failed: ConnectError): string {
  const message = failed.cause === undefined ? "" : messageOf(failed.cause);
  return message === "" || failed.rawMessage.includes(message) ? "" : ` (${message})`;
}

function isRefusal(reason: string): reason is RefusalReason {
  return Object.hasOwn(refusals, reason);
}

function isEnd(reason: string): reason is EndKind {
  return Object.hasOwn(exitCodes, reason);
}
