import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { StoreHostTokenRequest } from "../../../gen/rollcall/v1/agent_pb.js";
import type { Caller } from "../../domain/access/caller.ts";
import { DomainError } from "../../domain/errors.ts";
import {
  boundTo,
  checkHostTokenFields,
  draftHostToken,
  type HostToken,
  hostTokenNotFound,
} from "../../domain/host-tokens/host-token.ts";
import { authorizeHostToken, authorizeHostTokenCreation } from "../../domain/host-tokens/rights.ts";
import { hostKey } from "../../domain/scm-integrations/host.ts";
import { SignIn } from "../../domain/scm-integrations/scm-integration.ts";
import type { SecretBox } from "../../domain/tokens/seal.ts";
import type { Questions } from "../../fleet/questions.ts";
import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ids.ts";
import type { Store } from "../../store/store.ts";
import { authorizedRunner } from "./runner-access.ts";

export interface SignInDeps {
  readonly store: Store;
  readonly questions: Pick<Questions<never, never>, "askedLately">;
  readonly secrets: SecretBox;
  readonly clock: Clock;
  readonly newId: IdSource;
}

/**
 * Keeps what a sign-in through a runner got for a subject. @param caller the runner
 * @returns the id of the token
 * @throws DomainError for a subject that the runner has no business with, and as creating or changing a token does
 */
export async function storeSignIn(
  deps: SignInDeps,
  caller: Caller,
  request: StoreHostTokenRequest,
): Promise<string> {
  const { store, questions, secrets, clock, newId } = deps;
  const { host, token, refreshToken, scopes } = request;
  const named = { id: request.subject?.id.toLowerCase() ?? "", principal: request.subject?.principal ?? 0 };
  const subject = authorizeHostTokenCreation(caller, { ...named, userId: "" }, SignIn.OAUTH);
  const key = hostKey(host);
  const runner = await authorizedRunner(store, caller, "read", caller.id);
  const scope = { organizationId: caller.organizationId, onlyRunnerId: caller.id, visibleTo: null };
  const filter = { runnerId: caller.id, subjectIds: [subject.id] };
  const { rows } = await store.hostTokens.list(scope, filter, { limit: 100, after: null });
  const existing = rows.find((one: HostToken) => one.hostKey === key) ?? null;
  if (existing === null && !questions.askedLately(caller.id, subject)) throw subjectUnknown();
  const expiresAt = request.expiresAt === undefined ? null : timestampMs(request.expiresAt);
  const seal = (value: string, context: string) => secrets.seal(Buffer.from(value), context);
  const now = clock.now();
  // A token that the subject made at the host is of another kind: it goes, and the sign-in's is a new one.
  if (existing === null || existing.source !== SignIn.OAUTH) {
    const wanted = {
      host,
      token,
      refreshToken,
      source: SignIn.OAUTH,
      expiresAt,
      scopes,
      integrationId: null,
    };
    const { id: runnerId, organizationId } = runner;
    const made = draftHostToken(wanted, { id: newId(), organizationId, runnerId, subject, now }, seal);
    return (await store.hostTokens.create(runner, made, existing?.id)).id;
  }
  // The earlier expiry was that of the earlier credential.
  const change = { token, refreshToken, scopes, expiresAt };
  checkHostTokenFields({ token, refreshToken, scopes, ...(expiresAt !== null && { expiresAt }) }, now);
  const authorized = authorizeHostToken(caller, "update", existing, { runner, shared: null });
  const sealed = {
    ...change,
    token: seal(token, boundTo(existing.id, "token")),
    refreshToken: refreshToken === "" ? null : seal(refreshToken, boundTo(existing.id, "refresh_token")),
  };
  if (!(await store.hostTokens.update(authorized, sealed, now))) throw hostTokenNotFound();
  return existing.id;
}

function subjectUnknown(): DomainError {
  return new DomainError(
    "permission_denied",
    "the subject has asked this runner nothing lately, and has no token for the host on it",
    { reason: "SUBJECT_UNKNOWN" },
  );
}
