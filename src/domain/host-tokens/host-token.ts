import { Principal, type Subject } from "../access/principal.ts";
import { DomainError, invalidField } from "../errors.ts";
import { covers, hostKey } from "../scm-integrations/host.ts";
import { allows, type ScmIntegration, SignIn } from "../scm-integrations/scm-integration.ts";

/** What is known of a subject's credential for a source-code host. Times are wall-clock milliseconds. */
export interface HostToken {
  readonly id: string;
  readonly organizationId: string;
  readonly runnerId: string;
  /** The integration through which the runner uses it. */
  readonly integrationId: string;
  /** As it was sent, and as hosts are compared: see `hostKey` of scm-integrations/host.ts. */
  readonly host: string;
  readonly hostKey: string;
  readonly subject: Subject;
  readonly source: SignIn;
  /** In the terms of the host. */
  readonly scopes: readonly string[];
  /** Null: never. */
  readonly expiresAt: number | null;
  readonly createdAt: number;
}

/** The credential itself, encrypted under the server key; bound to the id of its token. */
export interface HostTokenValues {
  readonly token: Uint8Array;
  /** Null: it cannot be refreshed. */
  readonly refreshToken: Uint8Array | null;
}

/** A token that is to be stored: which integration is its own is found out in the transaction. */
export interface NewHostToken extends Omit<HostToken, "integrationId">, HostTokenValues {
  /** The one that the caller named; null: any that covers the host. */
  readonly integrationId: string | null;
}

/** What a caller asks for. Times are wall-clock milliseconds, secrets are in clear. */
export interface HostTokenRequest {
  readonly host: string;
  readonly token: string;
  /** Empty: none. */
  readonly refreshToken: string;
  readonly source: number;
  readonly expiresAt: number | null;
  readonly scopes: readonly string[];
  readonly integrationId: string | null;
}

/** What a caller may change, with secrets encrypted already; an absent key leaves the field as it is. */
export interface HostTokenChange {
  readonly token?: Uint8Array;
  /** Null clears it. */
  readonly refreshToken?: Uint8Array | null;
  /** Null: it does not expire any more. */
  readonly expiresAt?: number | null;
  readonly scopes?: readonly string[];
}

/** Values inside one list are alternatives, all must match, null matches everything. */
export interface HostTokenFilter {
  readonly runnerId: string | null;
  /** Each of them has to be the subject's id. */
  readonly subjectIds: readonly string[];
}

/** Longest credential in bytes, most scopes, longest scope in characters. */
const valueAtMost = 8192;
const scopesAtMost = 100;
const scopeAtMost = 256;

/** Tokens are forgotten so long after they expired. Milliseconds. */
export const hostTokenKeptMs = 30 * 24 * 60 * 60 * 1000;

/** The fields whose values the server's key encrypts, as they are bound to the ciphertext. */
export type SealedField = "token" | "refresh_token";

/** What a value is bound to: it opens in no other place. */
export function boundTo(id: string, field: SealedField): string {
  return `host authentication token ${id} ${field}`;
}

/** Encrypts a value under the server key, bound to what {@link boundTo} says. */
export type SealValue = (value: string, context: string) => Uint8Array;

/**
 * A token as it is stored.
 * @throws DomainError `invalid` for a field; no error repeats a secret
 */
export function draftHostToken(
  request: HostTokenRequest,
  made: Pick<HostToken, "id" | "organizationId" | "runnerId" | "subject"> & { readonly now: number },
  seal: SealValue,
): NewHostToken {
  const { host, source, expiresAt, scopes, integrationId } = request;
  const key = hostKey(host);
  if (source !== SignIn.OAUTH && source !== SignIn.PAT) {
    throw invalidField("source", "host_token.source.specified", "must be OAUTH or PAT");
  }
  const { token, refreshToken } = request;
  checkHostTokenFields({ token, refreshToken, scopes, ...(expiresAt !== null && { expiresAt }) }, made.now);
  const { now: createdAt, ...ids } = made;
  const known = { ...ids, host, hostKey: key, source, scopes, expiresAt, integrationId, createdAt };
  return {
    ...known,
    token: seal(token, boundTo(made.id, "token")),
    refreshToken: refreshToken === "" ? null : seal(refreshToken, boundTo(made.id, "refresh_token")),
  };
}

/**
 * @param sent secrets in clear
 * @throws DomainError `invalid` for a field; no error repeats a secret
 */
export function checkHostTokenFields(
  sent: {
    readonly token?: string;
    readonly refreshToken?: string;
    readonly expiresAt?: number;
    readonly scopes?: readonly string[];
  },
  now: number,
): void {
  const { token = "", refreshToken = "", expiresAt, scopes = [] } = sent;
  for (const [field, value] of [
    ["token", token],
    ["refresh_token", refreshToken],
  ] as const) {
    if (Buffer.byteLength(value) > valueAtMost) {
      throw invalidField(field, `host_token.${field}.max_bytes`, `must have at most ${valueAtMost} bytes`);
    }
  }
  if (expiresAt !== undefined && expiresAt <= now) {
    throw invalidField("expires_at", "host_token.expires_at.future", "must be in the future");
  }
  if (scopes.length > scopesAtMost) {
    throw invalidField("scopes", "host_token.scopes.max_items", `must be at most ${scopesAtMost}`);
  }
  const wrong = scopes.findIndex((scope) => scope === "" || scope.length > scopeAtMost);
  if (wrong >= 0) {
    throw invalidField(
      `scopes[${wrong}]`,
      "host_token.scopes.length",
      `must have 1 to ${scopeAtMost} characters`,
    );
  }
}

/**
 * The integration of a runner through which a token is used: of those that cover the host the one with the longest host.
 * @throws DomainError `failed_precondition` when there is none, or none that takes tokens of this source
 */
export function integrationOf(
  token: Pick<NewHostToken, "host" | "hostKey" | "source" | "integrationId">,
  integrations: readonly ScmIntegration[],
): ScmIntegration {
  const covering = integrations.filter((one) => covers(one.hostKey, token.hostKey));
  const longest = Math.max(...covering.map((one) => one.hostKey.length));
  const named = covering
    .filter((one) => one.hostKey.length === longest)
    .filter(({ id }) => token.integrationId === null || id === token.integrationId);
  if (named.length === 0) throw notConfigured(token.host);
  const found = named.find((one) => allows(one, token.source));
  if (found !== undefined) return found;
  const way = token.source === SignIn.PAT ? "personal access tokens" : "OAuth";
  throw new DomainError(
    "failed_precondition",
    `the SCM integration for host ${token.host} does not take ${way}`,
    { reason: "SCM_METHOD_DISABLED" },
  );
}

/** @param host of the syntax that was checked, so that its length is bounded */
export function notConfigured(host: string): DomainError {
  return new DomainError("failed_precondition", `the SCM integration for host ${host} is not configured`, {
    reason: "SCM_INTEGRATION_NOT_CONFIGURED",
  });
}

/** The error for a token that does not exist, or that the caller may not know of. */
export function hostTokenNotFound(): DomainError {
  return new DomainError("not_found", "host authentication token not found", {
    reason: "HOST_TOKEN_NOT_FOUND",
  });
}

/** The error for a second one of the same subject for the same host on a runner. */
export function hostTokenExists(): DomainError {
  return new DomainError("already_exists", "host authentication token already exists", {
    reason: "HOST_TOKEN_EXISTS",
  });
}

/** The field that the contract had ahead of subjects: it names users alone. */
export function userIdOf({ id, principal }: Subject): string {
  return principal === Principal.USER ? id : "";
}
