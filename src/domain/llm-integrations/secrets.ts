import { DomainError, invalidField } from "../errors.ts";
import type { Runner } from "../runners/runner.ts";

/** A header as a request has it. */
export interface SentHeader {
  readonly key: string;
  /** UTF-8. */
  readonly value: Uint8Array;
  /** `gitpod.v1.LLMIntegrationRequestHeaderType`. */
  readonly type: number;
}

/** A header with its value in the clear; an empty one takes the header away. */
export interface PlainHeader {
  readonly key: string;
  readonly value: string;
  readonly type: number;
}

/** `gitpod.v1.LLMIntegrationRequestHeaderType`. */
const HeaderType = { UNSPECIFIED: 0, LITERAL: 1, CEL_EXPRESSION: 2 } as const;

/** `gitpod.v1.RunnerCapability` of runners that evaluate expressions for headers. */
const dynamicHeaders = 18;

/** The longest API key and value of a header, in bytes of UTF-8; the longest key of a header; most headers. */
const [secretAtMost, keyAtMost, headersAtMost] = [4096, 128, 50];

/** A token of HTTP. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** A value must not end its header and begin another one. */
const control = /(?!\t)\p{Cc}/u;

/** The API key. What is wrong with it is said without it. @throws DomainError `invalid` */
export function checkApiKey(apiKey: string): string {
  if (Buffer.byteLength(apiKey) <= secretAtMost) return apiKey;
  throw invalidField(
    "api_key",
    "llm_integration.api_key.max_bytes",
    `must have at most ${secretAtMost} bytes`,
  );
}

/**
 * The headers of a request. What is wrong with a value is said without it.
 * @throws DomainError `invalid`; `failed_precondition` for an expression that the runner cannot evaluate
 */
export function checkHeaders(
  sent: readonly SentHeader[],
  { report }: Pick<Runner, "report">,
): readonly PlainHeader[] {
  if (sent.length > headersAtMost) {
    const rule = "llm_integration.request_headers.max_items";
    throw invalidField("request_headers", rule, `must have at most ${headersAtMost} headers`);
  }
  const seen = new Set<string>();
  return sent.map(({ key, value, type }, at) => {
    const broken = (part: "key" | "value", rule: string, message: string) =>
      invalidField(
        `request_headers[${at}].${part}`,
        `llm_integration.request_headers.${part}.${rule}`,
        message,
      );
    if (key.length > keyAtMost || !token.test(key)) {
      throw broken("key", "token", `must be a name of an HTTP header of at most ${keyAtMost} characters`);
    }
    if (seen.has(key.toLowerCase())) throw broken("key", "unique", "is there twice");
    seen.add(key.toLowerCase());
    if (value.length > secretAtMost)
      throw broken("value", "max_bytes", `must have at most ${secretAtMost} bytes`);
    const text = decoded(value);
    if (text === null) throw broken("value", "utf8", "must be UTF-8");
    const isExpression = type === HeaderType.CEL_EXPRESSION;
    if (!isExpression && control.test(text))
      throw broken("value", "printable", "must have no control characters");
    if (isExpression && text !== "" && !report.capabilities.includes(dynamicHeaders)) throw cannotEvaluate();
    return { key, value: text, type: type === HeaderType.UNSPECIFIED ? HeaderType.LITERAL : type };
  });
}

function decoded(value: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return null;
  }
}

/** With a word that clients look for. */
function cannotEvaluate(): DomainError {
  const text = "the runner lacks the capability to evaluate expressions in request headers";
  return new DomainError("failed_precondition", text, { reason: "CAPABILITY_MISSING" });
}
