/** What a rule of the domain can refuse a caller with. Each kind has one code on the wire (rpc/errors.ts). */
export type DomainErrorKind =
  | "invalid"
  | "unauthenticated"
  | "permission_denied"
  | "not_found"
  | "already_exists"
  | "failed_precondition"
  | "aborted"
  | "resource_exhausted"
  | "unavailable"
  | "deadline_exceeded"
  /** Something that this server asked gave an answer that makes no sense. */
  | "internal";

/** One field that broke one rule. */
export interface FieldViolation {
  /** Path in proto names, such as `spec.configuration.update_window`. */
  readonly field: string;
  /** Stable identifier of the rule, such as `runner.desired_phase.settable`. */
  readonly rule: string;
  readonly message: string;
}

export interface DomainErrorOptions {
  /** Machine-readable reason in UPPER_SNAKE_CASE, sent as `google.rpc.ErrorInfo.reason`. */
  readonly reason?: string;
  /** Set when waiting helps: milliseconds until a retry is worth it, sent as `google.rpc.RetryInfo`. */
  readonly retryAfterMs?: number;
  /** Set on `invalid` errors that a single field explains. */
  readonly violations?: readonly FieldViolation[];
  /** Set when the caller has to sign in to a source-code host first. */
  readonly signIn?: SignInNeeded;
}

/** Where to sign in, sent as `gitpod.v1.ParseContextURLPreconditionFailureDetails`. */
export interface SignInNeeded {
  readonly url: string;
  readonly scmId: string;
  /** Runners that could answer after that. */
  readonly runnerIds: readonly string[];
}

/** A refusal that the caller may read in full. Anything else that is thrown reaches the caller as an id only. */
export class DomainError extends Error {
  override readonly name = "DomainError";
  readonly kind: DomainErrorKind;
  readonly reason: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly violations: readonly FieldViolation[];
  readonly signIn: SignInNeeded | undefined;

  constructor(kind: DomainErrorKind, message: string, options: DomainErrorOptions = {}) {
    super(message);
    this.kind = kind;
    this.reason = options.reason;
    this.retryAfterMs = options.retryAfterMs;
    this.violations = options.violations ?? [];
    this.signIn = options.signIn;
  }
}

/** An `invalid` error for one field. */
export function invalidField(field: string, rule: string, message: string): DomainError {
  return new DomainError("invalid", `${field}: ${message}`, { violations: [{ field, rule, message }] });
}
