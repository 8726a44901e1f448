import type { ServiceImpl } from "@connectrpc/connect";
import type { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import type { Clock } from "../domain/clock.ts";
import type { IdSource } from "../domain/ids.ts";
import { hashToken, mintToken } from "../domain/tokens/token.ts";
import type { Store } from "../store/store.ts";
import { callerOf, clientOf } from "./context.ts";
import { idempotencyKeyHash } from "./idempotency-key.ts";

/** What `organization_tier` says: this server has no tiers, and nothing is held back. */
const organizationTier = "self-hosted";

export interface IdentityServiceDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly newId: IdSource;
}

/** `gitpod.v1.IdentityService`; methods that are left out answer `unimplemented`. */
export function identityService(deps: IdentityServiceDeps): Partial<ServiceImpl<typeof IdentityService>> {
  const { store, clock, newId } = deps;
  return {
    async getAuthenticatedIdentity(_request, context) {
      const { id, principal, organizationId } = callerOf(context);
      return { subject: { id, principal }, organizationId, organizationTier };
    },

    async exchangeToken(request, context) {
      const access = mintToken("runner");
      await store.tokens.exchange({
        hash: hashToken(request.exchangeToken),
        idempotencyHash: idempotencyKeyHash(context.requestHeader),
        access: { id: newId(), hash: access.hash },
        from: clientOf(context),
        now: clock.now(),
      });
      return { accessToken: access.secret };
    },
  };
}
