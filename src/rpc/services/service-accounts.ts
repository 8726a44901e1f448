import type { ServiceImpl } from "@connectrpc/connect";
import type { ServiceAccountService } from "../../../gen/gitpod/v1/service_account_pb.js";
import type { Attribution } from "../../domain/access/attribution.ts";
import { attributionOf, type Caller } from "../../domain/access/caller.ts";
import { Principal } from "../../domain/access/principal.ts";
import {
  type AuthorizedServiceAccount,
  authorizeServiceAccount,
  requireMintingForOthers,
  requireServiceAccount,
  serviceAccountScope,
  serviceAccountTokenScope,
} from "../../domain/service-accounts/rights.ts";
import {
  accessTokenLifetimeMs,
  draftServiceAccount,
  existingServiceAccount,
  type ServiceAccount,
  serviceAccountNotFound,
  serviceAccountTokenExpiry,
} from "../../domain/service-accounts/service-account.ts";
import { tokenNotFound } from "../../domain/tokens/scope.ts";
import { requireOrgAdmin } from "../../domain/users/rights.ts";
import { callerOf } from "../call/context.ts";
import {
  lifetimeMs,
  serviceAccountMessage,
  serviceAccountTokenMessage,
  timeMs,
} from "../messages/account.ts";
import { present } from "../messages/present.ts";
import { type MintingDeps, mint } from "./minting.ts";
import { listOf, pageOf } from "./paging.ts";

/** `gitpod.v1.ServiceAccountService`. */
export function serviceAccountService(deps: MintingDeps): ServiceImpl<typeof ServiceAccountService> {
  const { store, clock, newId } = deps;

  function visible(caller: Caller, id: string): Promise<ServiceAccount | null> {
    return store.serviceAccounts.get(serviceAccountScope(caller), id.toLowerCase());
  }

  async function authorized(caller: Caller, id: string): Promise<AuthorizedServiceAccount> {
    return authorizeServiceAccount(caller, await visible(caller, id));
  }

  function mintFor(account: ServiceAccount, by: Attribution, description: string, validForMs: number) {
    return mint(deps, {
      kind: "serviceAccount",
      organizationId: account.organizationId,
      subject: { id: account.id, principal: Principal.SERVICE_ACCOUNT },
      description,
      readOnly: false,
      expiresAt: serviceAccountTokenExpiry(account, validForMs, clock.now()),
      by,
    });
  }

  return {
    async createServiceAccount(request, context) {
      const grant = requireOrgAdmin(callerOf(context));
      const { name, description, validUntil } = request;
      const account = draftServiceAccount(
        { name, description, validUntil: validUntil ? timeMs("valid_until", validUntil) : 0 },
        { id: newId(), organizationId: grant.by.organizationId, creator: grant.by.actor, now: clock.now() },
      );
      await store.serviceAccounts.create(grant, account);
      return { serviceAccount: serviceAccountMessage(account) };
    },

    async listServiceAccounts(request, context) {
      const scope = serviceAccountScope(callerOf(context));
      const { includeSuspended = false, serviceAccountIds = [], search = "" } = request.filter ?? {};
      const filter = { includeSuspended, ids: serviceAccountIds.map((id) => id.toLowerCase()), search };
      const list = listOf(context, JSON.stringify(filter));
      const { rows, pagination } = await pageOf(request.pagination, list, (page) =>
        store.serviceAccounts.list(scope, filter, page),
      );
      return { serviceAccounts: rows.map(serviceAccountMessage), pagination };
    },

    async getServiceAccount(request, context) {
      const account = await visible(callerOf(context), request.serviceAccountId);
      if (account === null) throw serviceAccountNotFound();
      return { serviceAccount: serviceAccountMessage(account) };
    },

    async updateServiceAccount(request, context) {
      const account = await authorized(callerOf(context), request.serviceAccountId);
      const { name, description } = request;
      const changed = await store.serviceAccounts.update(
        account,
        present({ name, description }),
        clock.now(),
      );
      if (changed === null) throw serviceAccountNotFound();
      return { serviceAccount: serviceAccountMessage(changed) };
    },

    async deleteServiceAccount(request, context) {
      const account = await authorized(callerOf(context), request.serviceAccountId);
      if (!(await store.serviceAccounts.remove(account, clock.now()))) throw serviceAccountNotFound();
      return {};
    },

    async createServiceAccountAccessToken(request, context) {
      const caller = callerOf(context);
      const grant = requireMintingForOthers(caller);
      const account = existingServiceAccount(await visible(caller, request.serviceAccountId));
      return { token: (await mintFor(account, grant.by, "", accessTokenLifetimeMs)).secret };
    },

    async createServiceAccountToken(request, context) {
      const caller = callerOf(context);
      const by = requireServiceAccount(caller);
      const account = existingServiceAccount(await visible(caller, caller.id));
      const minted = await mintFor(account, by, request.description, lifetimeMs(request.validFor));
      return { token: minted.secret, serviceAccountToken: serviceAccountTokenMessage(minted.token) };
    },

    async listServiceAccountTokens(request, context) {
      const scope = serviceAccountTokenScope(callerOf(context));
      const list = listOf(context);
      const { rows, pagination } = await pageOf(request.pagination, list, (page) =>
        store.credentials.list(scope, [], page),
      );
      return { tokens: rows.map(serviceAccountTokenMessage), pagination };
    },

    async getServiceAccountToken(request, context) {
      const scope = serviceAccountTokenScope(callerOf(context));
      const token = await store.credentials.get(scope, request.serviceAccountTokenId.toLowerCase());
      if (token === null) throw tokenNotFound();
      return { token: serviceAccountTokenMessage(token) };
    },

    async deleteServiceAccountToken(request, context) {
      const caller = callerOf(context);
      const id = request.serviceAccountTokenId.toLowerCase();
      const token = await store.credentials.get(serviceAccountTokenScope(caller), id);
      const by = attributionOf(caller);
      if (token === null || !(await store.tokens.revokeAccessToken(by, token.id, clock.now()))) {
        throw tokenNotFound();
      }
      return {};
    },
  };
}
