import { ViolationsSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";

/** What a client can learn from a refused call. */
export interface Refusal {
  /** Lower snake case, as in error JSON. */
  readonly code: string;
  readonly message: string;
  /** `google.rpc.ErrorInfo`. */
  readonly reason: string | undefined;
  readonly domain: string | undefined;
  /** Field paths of `buf.validate.Violations`, in proto names; empty for a rule of a whole message. */
  readonly fields: readonly string[];
  readonly rules: readonly string[];
  /** From `google.rpc.RetryInfo`. */
  readonly retrySeconds: number | undefined;
  readonly headers: Headers;
}

/** The refusal of a call that must not succeed. */
export async function refusal(call: Promise<unknown>): Promise<Refusal> {
  let answer: unknown;
  try {
    answer = await call;
  } catch (error) {
    return describe(ConnectError.from(error));
  }
  throw new Error(`expected a refusal, the call was answered: ${String(answer)}`);
}

/** The refusals of calls that are under way together, none of which may succeed: a later one may be refused first. */
export function refusals(calls: Iterable<Promise<unknown>>): Promise<Refusal[]> {
  return Promise.all(Array.from(calls, refusal));
}

function describe(error: ConnectError): Refusal {
  const info = error.findDetails(ErrorInfoSchema)[0];
  const violations = error.findDetails(ViolationsSchema).flatMap((detail) => detail.violations);
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return {
    code: codeToString(error.code),
    message: error.rawMessage,
    reason: info?.reason,
    domain: info?.domain,
    fields: violations.map(({ field }) => (field?.elements ?? []).map((e) => e.fieldName).join(".")),
    rules: violations.map(({ ruleId }) => ruleId),
    retrySeconds: delay && Number(delay.seconds) + delay.nanos / 1e9,
    headers: error.metadata,
  };
}
