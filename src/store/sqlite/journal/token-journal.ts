import type { Attribution } from "../../../domain/access/attribution.ts";
import { Principal } from "../../../domain/access/principal.ts";
import { AuditKind, ResourceOperation, ResourceType } from "../../../domain/access/resources.ts";
import type { AccessToken } from "../../../domain/tokens/access-token.ts";
import type { Journal } from "./journal.ts";

/** Writes down what happens to access tokens, inside the transaction in which it happens. */
export interface TokenJournal {
  minted(by: Attribution, token: TokenFacts, now: number): void;
  revoked(by: Attribution, token: TokenFacts, now: number): void;
}

type TokenFacts = Pick<AccessToken, "id" | "organizationId" | "subjectId" | "principal">;

export function tokenJournal(journal: Journal): TokenJournal {
  function write(
    by: Attribution,
    token: TokenFacts,
    verb: string,
    operation: ResourceOperation,
    now: number,
  ): void {
    const { id, organizationId, subjectId, principal } = token;
    const resourceType = tokenResource(principal);
    const entry = {
      now,
      action: `access_token.${verb}`,
      subjectType: resourceType ?? ResourceType.RUNNER,
      subjectId: resourceType === null ? subjectId : id,
      kind: AuditKind.CREDENTIAL_ACCESS,
    };
    // The record belongs to the token's organisation; an operator of another one has it in its own as well.
    journal.audit({ ...entry, by: { ...by, organizationId } });
    if (organizationId !== by.organizationId) journal.audit({ ...entry, by });
    if (resourceType === null) return;
    // Whose token it is, not who minted it: that is who may be told.
    journal.event({ organizationId, operation, resourceType, resourceId: id, creatorId: subjectId, now });
  }
  return {
    minted: (by, token, now) => write(by, token, "create", ResourceOperation.CREATE, now),
    revoked: (by, token, now) => write(by, token, "revoke", ResourceOperation.DELETE, now),
  };
}

/** What kind of resource a token of this principal is; null for a runner's, which is part of the runner. */
function tokenResource(principal: Principal): ResourceType | null {
  switch (principal) {
    case Principal.USER:
      return ResourceType.PERSONAL_ACCESS_TOKEN;
    case Principal.SERVICE_ACCOUNT:
      return ResourceType.SERVICE_ACCOUNT_TOKEN;
    default:
      return null;
  }
}
