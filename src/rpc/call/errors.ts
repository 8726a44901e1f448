import { randomUUID } from "node:crypto";
import { create, type DescMessage } from "@bufbuild/protobuf";
import { parsePath } from "@bufbuild/protobuf/reflect";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Violation, violationsToProto } from "@bufbuild/protovalidate";
import { Code, ConnectError, type ContextValues } from "@connectrpc/connect";
import { ParseContextURLPreconditionFailureDetailsSchema } from "../../../gen/gitpod/v1/runner_pb.js";
import { ErrorInfoSchema, RetryInfoSchema } from "../../../gen/google/rpc/error_details_pb.js";
import { DomainError, type DomainErrorKind } from "../../domain/errors.ts";
import { cutText, messageBytes, told, Violations } from "./violations.ts";

/** `google.rpc.ErrorInfo.domain` of every reason that this server gives. */
const errorDomain = "rollcall";

/** Longest message of a refusal, in characters. Parts of it may be what the client sent. */
const longestMessage = 500;
/** The same in bytes of gRPC trailers, so that something is left for what else they carry. */
const mostMessageBytes = 3 * 1024;

const codes: Record<DomainErrorKind, Code> = {
  invalid: Code.InvalidArgument,
  unauthenticated: Code.Unauthenticated,
  permission_denied: Code.PermissionDenied,
  not_found: Code.NotFound,
  already_exists: Code.AlreadyExists,
  failed_precondition: Code.FailedPrecondition,
  aborted: Code.Aborted,
  resource_exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  deadline_exceeded: Code.DeadlineExceeded,
  internal: Code.Internal,
};

/** Where errors go that the caller of a call with these values learns nothing of but their id. */
export type InternalErrorLog = (error: unknown, id: string, values: ContextValues) => void;

/**
 * The one place that turns errors into what goes on the wire; docs/errors.md is its table.
 * @param input the request's type, in which the field paths of violations are looked up.
 */
export function toConnectError(
  error: unknown,
  input: DescMessage,
  log: (error: unknown, id: string) => void,
): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof DomainError) return fromDomainError(error, input);
  if (error instanceof Error && error.name === "AbortError") return ConnectError.from(error);
  if (isBrokenOff(error)) return clientGone();
  const id = randomUUID();
  log(error, id);
  return new ConnectError(
    `internal error ${id}: quote this id to the operator of the server`,
    Code.Internal,
    {
      "x-error-id": id,
    },
  );
}

/** What is thrown for an answer that cannot be encoded: the server's own fault, told by its id alone. */
export function unencodable(cause: unknown, type: string): Error {
  return new Error(`an answer of type ${type} cannot be encoded`, { cause });
}

/** How a call ends that its client does not wait for any more. */
export function clientGone(): ConnectError {
  return new ConnectError("the client went away", Code.Canceled);
}

/** What reading a body throws when its connection breaks off: Node says so with this code. */
function isBrokenOff(error: unknown): boolean {
  return Error.isError(error) && "code" in error && error.code === "ECONNRESET";
}

function fromDomainError(error: DomainError, input: DescMessage): ConnectError {
  const code = codes[error.kind];
  const message = cutMessage(error.message);
  const wire = new ConnectError(message, code, retryHeaders(error, code), [], error);
  if (error.violations.length > 0) {
    const violations = error.violations.map(
      ({ field, rule, message }) => new Violation(message, rule, parsePath(input, field), [], false),
    );
    const [value, desc] = violationsToProto(
      told(Violations.of(violations), messageBytes(message)).violations,
    );
    wire.details.push({ desc, value });
  }
  if (error.signIn !== undefined) {
    const { url, scmId, runnerIds } = error.signIn;
    const value = { authenticationRequiredUrl: url, scmId, runnerIds: [...runnerIds] };
    const desc = ParseContextURLPreconditionFailureDetailsSchema;
    wire.details.push({ desc, value: create(desc, value) });
  }
  if (error.reason !== undefined) {
    const info = { reason: error.reason, domain: errorDomain };
    wire.details.push({ desc: ErrorInfoSchema, value: create(ErrorInfoSchema, info) });
  }
  if (error.retryAfterMs !== undefined) {
    const retryDelay = durationFromMs(error.retryAfterMs);
    wire.details.push({ desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay }) });
  }
  return wire;
}

function cutMessage(message: string): string {
  let cut = cutText(message, longestMessage);
  while (messageBytes(cut) > mostMessageBytes) cut = cutText(cut, Math.floor(cut.length * 0.9));
  return cut;
}

/** Official SDKs retry every 409; those that would fail again say so. Others read one header each. */
function retryHeaders(error: DomainError, code: Code): Record<string, string> {
  if (error.retryAfterMs === undefined) {
    return code === Code.AlreadyExists || code === Code.Aborted ? { "x-should-retry": "false" } : {};
  }
  const seconds = String(Math.ceil(error.retryAfterMs / 1000));
  return { "retry-after": seconds, "ratelimit-retryafter": seconds };
}
