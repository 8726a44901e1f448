import type { ServiceImpl } from "@connectrpc/connect";
import type { IdentityService } from "../../../gen/gitpod/v1/identity_pb.js";
import { attributionOf } from "../../domain/access/caller.ts";
import { Principal } from "../../domain/access/principal.ts";
import { ResourceType } from "../../domain/access/resources.ts";
import { idTokenClaims } from "../../domain/keys/claims.ts";
import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ids.ts";
import type { Store } from "../../store/store.ts";
import type { IssueLog } from "../../upkeep/issue-log.ts";
import type { KeyRing } from "../../upkeep/key-ring.ts";
import { callerOf } from "../call/context.ts";

/** What methods need that sign tokens for other systems. */
export interface SigningDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly newId: IdSource;
  readonly keyRing: KeyRing;
  readonly issues: IssueLog;
  /** The issuer of the tokens: where the world reaches this server. */
  readonly issuer: () => string;
}

/** The part of `gitpod.v1.IdentityService` that signs tokens. */
export function idTokens(deps: SigningDeps): Pick<ServiceImpl<typeof IdentityService>, "getIDToken"> {
  const { issues, clock, newId, keyRing, issuer } = deps;
  return {
    async getIDToken(request, context) {
      const caller = callerOf(context);
      const now = clock.now();
      const claims = idTokenClaims(caller, request, { issuer: issuer(), id: newId(), now });
      const token = await keyRing.sign("JWT", claims);
      const subject = { subjectType: resourceOf(caller.principal), subjectId: caller.id };
      await issues.record({
        tokenId: caller.tokenId,
        audience: claims.aud,
        token: { by: attributionOf(caller), action: "id_token.create", ...subject, now },
      });
      return { token };
    },
  };
}

/** The kind of resource that a caller is, for the audit log. */
function resourceOf(principal: Principal): ResourceType {
  switch (principal) {
    case Principal.USER:
      return ResourceType.USER;
    case Principal.SERVICE_ACCOUNT:
      return ResourceType.SERVICE_ACCOUNT;
    case Principal.RUNNER:
      return ResourceType.RUNNER;
    default:
      return ResourceType.UNSPECIFIED;
  }
}
