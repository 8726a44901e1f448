import { durationMs } from "@bufbuild/protobuf/wkt";
import { ViolationsSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { type RefusalReason, refusals } from "../domain/leases/refusal.ts";
import { messageOf } from "../lib/thrown.ts";
import { type AgentEnd, agentEnd, type EndKind, exitCodes } from "./end.ts";

/** A proxy's page of HTML belongs into no log, in characters. */
const longestWhy = 500;
const unexplained =
  "; the server gave no reason, so that a proxy before it may have answered (if this lasts, check --server and --protocol)";

/** What a failed call means for the agent; `why` is for the log. */
export type Failure =
  /** Try the same again, no sooner than the server asked for. */
  | { readonly kind: "retry"; readonly askedMs: number; readonly why: string }
  /** This generation is over: renew with generation 0. */
  | { readonly kind: "reopen"; readonly why: string }
  /** A bound was exceeded: leave out what is named, as paths of proto names; empty when nothing is. */
  | { readonly kind: "invalid"; readonly fields: readonly string[]; readonly why: string }
  /** Nothing mends this without a person. */
  | { readonly kind: "final"; readonly end: AgentEnd; readonly why: string };

const mendedByFiles = new Set(["CLIENT_CERTIFICATE_INVALID", "CLIENT_CERTIFICATE_MISMATCH"]);

/** The `domain` of each reason that Rollcall gives: a reason of another domain is a proxy's. */
const ownDomain = "rollcall";

/** Codes that refuse the caller or the call, and the end for a reason of ours that came later than this agent. */
const refusingCodes: Partial<Readonly<Record<Code, EndKind>>> = {
  [Code.Unauthenticated]: "TOKEN_UNKNOWN",
  [Code.PermissionDenied]: "NOT_A_RUNNER",
  [Code.Unimplemented]: "NOT_SPOKEN",
};

/**
 * Reads an error of a call. Only a machine-readable reason of the server ends an agent: a proxy whose server is not
 * up yet answers 404, 403 or 401 as well, and the runner would be gone with a reboot.
 */
export function readFailure(error: unknown): Failure {
  const failed = ConnectError.from(error);
  const why = `${codeToString(failed.code)}: ${wordsOf(failed).slice(0, longestWhy)}`;
  const reason = failed.findDetails(ErrorInfoSchema).find(({ domain }) => domain === ownDomain)?.reason ?? "";
  if (isRefusal(reason) && refusals[reason].remedy === "reopen") return { kind: "reopen", why };
  // Another certificate may be in the files by the next try.
  if (mendedByFiles.has(reason)) return { kind: "retry", askedMs: 0, why };
  if (isEnd(reason)) return { kind: "final", end: agentEnd(reason, failed.rawMessage), why };
  if (failed.code === Code.InvalidArgument) return { kind: "invalid", fields: violatedFields(failed), why };
  const askedMs = retryAfterMs(failed);
  const refused = refusingCodes[failed.code];
  if (refused === undefined) return { kind: "retry", askedMs, why };
  if (reason !== "") return { kind: "final", end: agentEnd(refused, `${reason}: ${failed.rawMessage}`), why };
  return { kind: "retry", askedMs, why: `${why}${unexplained}` };
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

/** What OpenSSL says when the first bytes of the other side are not TLS. */
const notTls = /wrong version number|packet length too long|http request/i;

/** The message, with what TLS and socket errors say only in their cause, in one line. */
function wordsOf({ cause, rawMessage }: ConnectError): string {
  const oneLine = (text: string) => text.replace(/\s+/g, " ").trim();
  const said = oneLine(rawMessage);
  const because = cause === undefined ? "" : oneLine(messageOf(cause));
  if (notTls.test(said) || notTls.test(because))
    return "the server does not speak TLS at this address: check its port, or give --server with http";
  return because === "" || said.includes(because) ? said : `${said} (${because})`;
}

function isRefusal(reason: string): reason is RefusalReason {
  return Object.hasOwn(refusals, reason);
}

function isEnd(reason: string): reason is EndKind {
  return Object.hasOwn(exitCodes, reason);
}
