import { DomainError } from "../errors.ts";
import type { Runner } from "../runners/runner.ts";
import { hostKey } from "../scm-integrations/host.ts";
import {
  draftScmIntegration,
  type ScmIntegration,
  type SealedSecret,
} from "../scm-integrations/scm-integration.ts";
import type { ConfigurationSchema } from "./schema.ts";

/** What is wrong with a connection to a source-code host, for people; an absent key: nothing. */
export interface ScmVerdict {
  readonly scmIdError?: string;
  readonly hostError?: string;
  readonly oauthError?: string;
  readonly patError?: string;
}

/** What is to be checked. Nothing of it was checked before; an absent key leaves what is stored. */
export interface CheckedScm {
  readonly scmId: string;
  readonly host: string;
  readonly oauthClientId?: string;
  /** In clear or as it is stored; an empty one is none. */
  readonly clientSecret: { readonly plain: string } | { readonly sealed: Uint8Array };
  readonly pat: boolean;
  readonly issuerUrl?: string;
  readonly virtualDirectory?: string;
}

/** What comes of the checks that take no runner. */
export interface JudgedScm {
  readonly verdict: ScmVerdict;
  /** The client secret for the runner to try; null when there is none. */
  readonly secret: SealedSecret | null;
}

interface Surroundings {
  /** The integration that would change; null for a new one. */
  readonly stored: ScmIntegration | null;
  readonly runner: Pick<Runner, "id" | "organizationId" | "report">;
  readonly schema: ConfigurationSchema;
  /** Seals a secret to the runner's public key, and throws when it has none. */
  readonly seal: (secret: string) => SealedSecret;
}

/**
 * Judges a connection to a source-code host, as far as that takes no runner.
 * @throws DomainError `failed_precondition` when a secret is to be tried that cannot be sealed to the runner
 */
export function judgeScm(asked: CheckedScm, around: Surroundings): JudgedScm {
  const { stored, runner, schema } = around;
  const oauthClientId = asked.oauthClientId ?? stored?.oauth?.clientId ?? "";
  const issuerUrl = asked.issuerUrl ?? stored?.issuerUrl ?? "";
  const virtualDirectory = asked.virtualDirectory ?? stored?.virtualDirectory ?? "";
  // What is stored goes with an OAuth that is switched off, whatever the secret says.
  const plain = "plain" in asked.clientSecret ? asked.clientSecret.plain : "";
  const endsOAuth = stored !== null && oauthClientId === "";
  const wantsKept = oauthClientId !== "" && plain === "";
  const kept = wantsKept ? keptSecret(asked, issuerUrl, around) : null;
  const found: { -readonly [K in keyof ScmVerdict]: ScmVerdict[K] } = {};
  if (kept !== null && "error" in kept) found.oauthError = kept.error;
  let secret: SealedSecret | null = null;
  try {
    const drafted = draftScmIntegration(
      {
        ...{
          scmId: asked.scmId,
          host: asked.host,
          pat: asked.pat,
          issuerUrl,
          virtualDirectory,
          oauthClientId,
        },
        // One that is kept was checked when it came, and is sealed already.
        oauthClientSecret: wantsKept ? "kept" : endsOAuth ? "" : plain,
      },
      { id: "", organizationId: runner.organizationId, runnerId: runner.id, now: 0 },
      {
        knownScmIds: schema.scm.map(({ id }) => id),
        seal(text) {
          if (kept === null) return around.seal(text);
          return "sealed" in kept ? kept : { sealed: new Uint8Array(), sealedTo: runner.report.publicKey };
        },
      },
    );
    secret = drafted.oauth;
  } catch (error) {
    if (!(error instanceof DomainError) || error.kind !== "invalid") throw error;
    for (const { field, message } of error.violations) found[errorOf(field)] ??= message;
  }
  const kind = schema.scm.find(({ id }) => id === asked.scmId);
  if (kind !== undefined && oauthClientId !== "" && !kind.oauth) {
    found.oauthError ??= "this runner does not offer OAuth for this kind of host";
  }
  if (kind !== undefined && asked.pat && !kind.pat) {
    found.patError ??= "this runner does not offer tokens for this kind of host";
  }
  return { verdict: found, secret };
}

/** Whether a verdict finds nothing wrong. */
export function isValidScm(verdict: ScmVerdict): boolean {
  return Object.keys(verdict).length === 0;
}

/**
 * The stored secret, where it may be tried: with the host and issuer that it is for, or an admin could have the runner
 * send it to a host of his own.
 */
function keptSecret(
  { host, clientSecret }: CheckedScm,
  issuerUrl: string,
  { stored, runner }: Surroundings,
): SealedSecret | { readonly error: string } {
  const oauth = stored?.oauth ?? null;
  if (oauth === null) return { error: "must be set together with a client secret" };
  if ("sealed" in clientSecret && Buffer.compare(clientSecret.sealed, oauth.sealed) !== 0) {
    return { error: "the encrypted client secret is not the stored one; enter it again" };
  }
  if (keyOf(host) !== stored?.hostKey || issuerUrl !== stored.issuerUrl) {
    return { error: "the stored client secret is for another host or issuer; enter it again" };
  }
  if (Buffer.compare(oauth.sealedTo, runner.report.publicKey) !== 0) {
    return { error: "the client secret was sealed to an earlier key of the runner; set it again" };
  }
  return { sealed: oauth.sealed, sealedTo: oauth.sealedTo };
}

function keyOf(host: string): string | null {
  try {
    return hostKey(host);
  } catch {
    return null;
  }
}

/** Which part of a verdict the rule of a field belongs to. */
function errorOf(field: string): keyof ScmVerdict {
  if (field === "scm_id") return "scmIdError";
  return field === "host" || field === "virtual_directory" ? "hostError" : "oauthError";
}
