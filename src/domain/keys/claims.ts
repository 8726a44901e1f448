import type { Caller } from "../access/caller.ts";
import { Principal } from "../access/principal.ts";
import { invalidField } from "../errors.ts";
import { longestTokenMs } from "./signing-key.ts";

/** `gitpod.v1.IDTokenVersion`. */
const IdTokenVersion = { UNSPECIFIED: 0, V1: 1, V2: 2 } as const;
export type IdTokenVersion = (typeof IdTokenVersion)[keyof typeof IdTokenVersion];

/** How long an id token is valid, in milliseconds: it is traded for another credential right away. */
const idTokenLifetimeMs = 10 * 60 * 1000;

/** How long a logs token is valid, in milliseconds: the contract's hour. */
const logsTokenLifetimeMs = longestTokenMs;

/** Tokens are valid from a minute before they are made, in seconds, for verifiers whose clocks are behind ours. */
const notBeforeSlackSeconds = 60;

/** The claims of a token that we sign, as RFC 7519 names them; times are seconds since the Unix epoch. */
export interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string | string[];
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly jti: string;
  readonly [claim: string]: unknown;
}

/** What every token needs: who issues it, under which id, and the wall-clock time in milliseconds. */
export interface Issue {
  readonly issuer: string;
  readonly id: string;
  readonly now: number;
}

/**
 * The claims of an id token about the caller. V1 has the subject `user:<id>`; V2 puts the organisation before it,
 * because cloud providers can often match on the subject alone, and says the parts in claims of their own too.
 * Without a version it is V1.
 * @throws DomainError `invalid` for a version or an audience that cannot be used
 */
export function idTokenClaims(
  caller: Pick<Caller, "id" | "principal" | "organizationId">,
  request: { readonly audience: readonly string[]; readonly version: number },
  issue: Issue,
): Claims {
  const { id, organizationId } = caller;
  const principal = principalName(caller.principal);
  const common = {
    ...timed(issue, idTokenLifetimeMs),
    aud: audienceClaim(request.audience),
    organization_id: organizationId,
  };
  switch (request.version) {
    case IdTokenVersion.UNSPECIFIED:
    case IdTokenVersion.V1:
      return { ...common, sub: `${principal}:${id}` };
    case IdTokenVersion.V2:
      return {
        ...common,
        sub: `organization:${organizationId}:${principal}:${id}`,
        principal,
        principal_id: id,
      };
    default:
      throw invalidField("version", "id_token.version.known", "is not a version that this server knows");
  }
}

/**
 * The claims of a token that reads the logs of one runner. Its audience is where the runner said that it serves
 * logs, and the runner itself while it has not said. `scope` tells it from an id token, which never has one.
 */
export function logsTokenClaims(
  caller: Pick<Caller, "id" | "principal" | "organizationId">,
  runner: { readonly id: string; readonly logUrl: string },
  issue: Issue,
): Claims {
  return {
    ...timed(issue, logsTokenLifetimeMs),
    sub: `${principalName(caller.principal)}:${caller.id}`,
    aud: runner.logUrl === "" ? runner.id : runner.logUrl,
    scope: "logs:read",
    runner_id: runner.id,
    organization_id: caller.organizationId,
  };
}

function timed({ issuer, id, now }: Issue, lifetimeMs: number) {
  const iat = Math.floor(now / 1000);
  return { iss: issuer, jti: id, iat, nbf: iat - notBeforeSlackSeconds, exp: iat + lifetimeMs / 1000 };
}

const audienceCount = 16;
const audienceLength = 256;

/** One audience goes out as a string: some verifiers refuse a list of one. */
function audienceClaim(audience: readonly string[]): string | string[] {
  if (audience.length > audienceCount) {
    throw invalidField("audience", "id_token.audience.count", `must have at most ${audienceCount} entries`);
  }
  for (const entry of audience) {
    if (entry === "" || entry.length > audienceLength || /\p{Cc}/u.test(entry)) {
      throw invalidField(
        "audience",
        "id_token.audience.text",
        `must have entries of 1 to ${audienceLength} characters, without control characters`,
      );
    }
  }
  const [only, ...others] = audience;
  return only !== undefined && others.length === 0 ? only : [...audience];
}

function principalName(principal: Principal): string {
  const name = Object.entries(Principal).find(([, value]) => value === principal)?.[0] ?? "UNSPECIFIED";
  return name.toLowerCase();
}
