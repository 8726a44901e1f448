import { DomainError, invalidField } from "../errors.ts";
import { checkPath, hostKey } from "./host.ts";

/** A connection of a runner to a source-code host. Times are wall-clock milliseconds. */
export interface ScmIntegration {
  readonly id: string;
  readonly organizationId: string;
  readonly runnerId: string;
  /** Which kind of host, as the runner's schema names it. */
  readonly scmId: string;
  /** As it was sent, and as hosts are compared: see `hostKey` of host.ts. */
  readonly host: string;
  readonly hostKey: string;
  /** Null: no sign-in through the browser. */
  readonly oauth: ScmOAuth | null;
  /** Kept also while there is no sign-in through the browser; empty: none. */
  readonly issuerUrl: string;
  /** Whether users may sign in with a token that they made on the host. */
  readonly pat: boolean;
  /** The path below which the host lives; empty: none. */
  readonly virtualDirectory: string;
  readonly createdAt: number;
}

export interface ScmOAuth extends SealedSecret {
  readonly clientId: string;
}

/** A secret as the server keeps it: it cannot read it. */
export interface SealedSecret {
  readonly sealed: Uint8Array;
  /** The runner's public key that it was sealed to. */
  readonly sealedTo: Uint8Array;
}

/** What a caller asks for. An empty text is one that was not sent. */
export interface ScmIntegrationRequest {
  readonly scmId: string;
  readonly host: string;
  readonly oauthClientId: string;
  /** In clear, and gone once it is sealed. */
  readonly oauthClientSecret: string;
  readonly issuerUrl: string;
  readonly pat: boolean;
  readonly virtualDirectory: string;
}

/** What a caller may change; an absent key leaves the field as it is. */
export interface ScmIntegrationChange {
  /** Empty: no sign-in through the browser any more, whatever the secret says. */
  readonly oauthClientId?: string;
  readonly oauthClientSecret?: SealedSecret;
  readonly pat?: boolean;
  /** Empty clears it, as it does the virtual directory. */
  readonly issuerUrl?: string;
  readonly virtualDirectory?: string;
}

/** The kinds of hosts that are known, and what each of them takes. */
const kinds: ReadonlyMap<
  string,
  { readonly oauth: boolean; readonly issuer?: "needed"; readonly path?: true }
> = new Map([
  ["github", { oauth: true }],
  ["gitlab", { oauth: true }],
  ["bitbucket", { oauth: true }],
  ["azuredevops_entra", { oauth: true, issuer: "needed" }],
  ["azuredevops_server", { oauth: false, path: true }],
]);

/** Longest client id, URL, and client secret in bytes. */
const clientIdAtMost = 512;
const urlAtMost = 2048;
const secretAtMost = 4096;

/**
 * An integration as it is made.
 * @param knownScmIds the kinds of hosts that the runner's schema in force has
 * @param seal seals a secret to the runner's public key
 * @throws DomainError `invalid` for a field, or what `seal` throws
 */
export function draftScmIntegration(
  request: ScmIntegrationRequest,
  made: Pick<ScmIntegration, "id" | "organizationId" | "runnerId"> & { readonly now: number },
  {
    knownScmIds,
    seal,
  }: { readonly knownScmIds: readonly string[]; readonly seal: (secret: string) => SealedSecret },
): ScmIntegration {
  const { scmId, host, issuerUrl, pat, virtualDirectory, oauthClientId: clientId } = request;
  if (!knownScmIds.includes(scmId)) {
    throw invalidField(
      "scm_id",
      "scm_integration.scm_id.known",
      "must be a kind of host that the runner's schema names, such as github",
    );
  }
  const key = hostKey(host);
  checkSecret(request.oauthClientSecret);
  if ((clientId === "") !== (request.oauthClientSecret === "")) throw halfOAuth(clientId === "");
  const { now: createdAt, ...ids } = made;
  const shape = { scmId, issuerUrl, virtualDirectory, clientId: clientId === "" ? null : clientId };
  checkShape(shape);
  const oauth = shape.clientId === null ? null : { clientId, ...seal(request.oauthClientSecret) };
  return { ...ids, scmId, host, hostKey: key, oauth, issuerUrl, pat, virtualDirectory, createdAt };
}

/**
 * The integration after a change. Pure, so that a store can run it inside the transaction that read the integration.
 * @throws DomainError `invalid` for a field
 */
export function applyScmIntegrationChange(
  integration: ScmIntegration,
  { oauthClientId, oauthClientSecret, ...change }: ScmIntegrationChange,
): ScmIntegration {
  const changed = {
    ...integration,
    ...change,
    oauth: oauthAfter(integration.oauth, oauthClientId, oauthClientSecret),
  };
  checkShape({ ...changed, clientId: changed.oauth?.clientId ?? null });
  return changed;
}

function oauthAfter(
  before: ScmOAuth | null,
  clientId: string | undefined,
  secret: SealedSecret | undefined,
): ScmOAuth | null {
  if (clientId === "") return null;
  const id = clientId ?? before?.clientId;
  const sealed = secret ?? before;
  if (id === undefined && secret === undefined) return null;
  if (id === undefined || sealed === null) throw halfOAuth(id === undefined);
  return { clientId: id, sealed: sealed.sealed, sealedTo: sealed.sealedTo };
}

/** How users may sign in to a host, by the numbers of `gitpod.v1.HostAuthenticationTokenSource`. */
export const SignIn = { OAUTH: 1, PAT: 2 } as const;
export type SignIn = (typeof SignIn)[keyof typeof SignIn];

/** Whether users may sign in to the host in this way. */
export function allows(integration: Pick<ScmIntegration, "oauth" | "pat">, source: SignIn): boolean {
  return source === SignIn.PAT ? integration.pat : integration.oauth !== null;
}

/** The ways to sign in that a change takes away: what was stored that way goes along. */
export function endedBy(before: ScmIntegration, after: ScmIntegration): readonly SignIn[] {
  return [SignIn.OAUTH, SignIn.PAT].filter((source) => allows(before, source) && !allows(after, source));
}

/** @throws DomainError `invalid` that does not repeat the secret */
export function checkSecret(secret: string): void {
  if (Buffer.byteLength(secret) <= secretAtMost) return;
  throw invalidField(
    "oauth_plaintext_client_secret",
    "scm_integration.oauth_client_secret.max_bytes",
    `must have at most ${secretAtMost} bytes`,
  );
}

interface Shape {
  readonly scmId: string;
  /** Null: no sign-in through the browser. */
  readonly clientId: string | null;
  readonly issuerUrl: string;
  readonly virtualDirectory: string;
}

/** What holds of an integration however it came about. */
function checkShape({ scmId, clientId, issuerUrl, virtualDirectory }: Shape): void {
  // A kind that only the runner's own schema has may take anything.
  const kind = kinds.get(scmId) ?? { oauth: true, path: true };
  if (clientId !== null && clientId.length > clientIdAtMost) {
    throw invalidField(
      "oauth_client_id",
      "scm_integration.oauth_client_id.max_len",
      `must have at most ${clientIdAtMost} characters`,
    );
  }
  if (clientId !== null && !kind.oauth) {
    throw invalidField(
      "oauth_client_id",
      "scm_integration.oauth.offered",
      `cannot be set: ${scmId} takes tokens only`,
    );
  }
  if (issuerUrl !== "") checkIssuer(scmId, issuerUrl, kind.oauth);
  else if (clientId !== null && kind.issuer === "needed") {
    throw invalidField(
      "issuer_url",
      "scm_integration.issuer_url.needed",
      `must be set for OAuth with ${scmId}`,
    );
  }
  if (virtualDirectory === "") return;
  if (kind.path !== true) {
    throw invalidField(
      "virtual_directory",
      "scm_integration.virtual_directory.offered",
      `cannot be set: ${scmId} has none`,
    );
  }
  checkPath("virtual_directory", virtualDirectory);
}

function checkIssuer(scmId: string, issuerUrl: string, offered: boolean): void {
  if (!offered) {
    throw invalidField(
      "issuer_url",
      "scm_integration.issuer_url.offered",
      `cannot be set: ${scmId} takes tokens only`,
    );
  }
  const url = /\s/.test(issuerUrl) || issuerUrl.length > urlAtMost ? null : URL.parse(issuerUrl);
  if (url?.protocol === "https:" && url.username === "" && url.password === "" && url.hash === "") return;
  throw invalidField(
    "issuer_url",
    "scm_integration.issuer_url.https",
    `must be an https URL of at most ${urlAtMost} characters, without user and fragment`,
  );
}

function halfOAuth(withoutId: boolean): DomainError {
  const [field, other] = withoutId
    ? ["oauth_client_id", "a client secret"]
    : ["oauth_plaintext_client_secret", "a client id"];
  return invalidField(field, "scm_integration.oauth.whole", `must be set together with ${other}`);
}

/** The error for an integration that does not exist, or that the caller may not know of. */
export function scmIntegrationNotFound(): DomainError {
  return new DomainError("not_found", "SCM integration not found", { reason: "SCM_INTEGRATION_NOT_FOUND" });
}

/** The error for a second one of the same host. */
export function scmIntegrationExists(): DomainError {
  return new DomainError("already_exists", "the runner has an SCM integration for this host already", {
    reason: "SCM_INTEGRATION_EXISTS",
  });
}

/** The kinds of hosts that a runner takes which has not reported a schema of its own. */
export const builtInScmIds: readonly string[] = [...kinds.keys()];
