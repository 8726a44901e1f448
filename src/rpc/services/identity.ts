import type { ServiceImpl } from "@connectrpc/connect";
import type { IdentityService } from "../../../gen/gitpod/v1/identity_pb.js";
import { bindingOf, type CertificatePolicy } from "../../domain/tokens/client-certificate.ts";
import { hashToken, mintToken } from "../../domain/tokens/token.ts";
import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ids.ts";
import type { Store } from "../../store/store.ts";
import { callerOf, clientCertificateKey, clientOf } from "../call/context.ts";
import { idempotencyKeyHash } from "./idempotency-key.ts";

/** What `organization_tier` says: this server has no tiers, and nothing is held back. */
const organizationTier = "self-hosted";

export interface IdentityServiceDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly newId: IdSource;
  /** Whether runners have to show a certificate; what they show, their access token is bound to. */
  readonly certificates: CertificatePolicy;
}

/** `gitpod.v1.IdentityService`; methods that are left out answer `unimplemented`. */
export function identityService(deps: IdentityServiceDeps): Partial<ServiceImpl<typeof IdentityService>> {
  const { store, clock, newId, certificates } = deps;
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
        certificateName: bindingOf(certificates, context.values.get(clientCertificateKey)),
        from: clientOf(context),
        now: clock.now(),
      });
      return { accessToken: access.secret };
    },
  };
}
