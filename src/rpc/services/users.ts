import type { ServiceImpl } from "@connectrpc/connect";
import type { UserService } from "../../../gen/gitpod/v1/user_pb.js";
import { attributionOf, type Caller } from "../../domain/access/caller.ts";
import { tokenNotFound } from "../../domain/tokens/scope.ts";
import {
  checkMintsForItself,
  personalTokenExpiry,
  personalTokenScope,
  requireUser,
} from "../../domain/users/personal-token.ts";
import { authorizeUser, userNotFound, visibleUser } from "../../domain/users/rights.ts";
import { UserStatus } from "../../domain/users/user.ts";
import { callerOf } from "../call/context.ts";
import { lifetimeMs, personalTokenMessage, userMessage } from "../messages/account.ts";
import { type MintingDeps, mint } from "./minting.ts";
import { listOf, pageOf } from "./paging.ts";

type UserMethods =
  | "getAuthenticatedUser"
  | "getUser"
  | "setSuspended"
  | "deleteUser"
  | "createPersonalAccessToken"
  | "getPersonalAccessToken"
  | "listPersonalAccessTokens"
  | "deletePersonalAccessToken";

/** The part of `gitpod.v1.UserService` that is about users and their tokens. */
export function userService(deps: MintingDeps): Pick<ServiceImpl<typeof UserService>, UserMethods> {
  const { store, clock } = deps;

  async function authorized(caller: Caller, id: string) {
    return authorizeUser(caller, await store.users.get(caller.organizationId, id.toLowerCase()));
  }

  return {
    async getAuthenticatedUser(_request, context) {
      const caller = callerOf(context);
      requireUser(caller);
      const user = await store.users.get(caller.organizationId, caller.id);
      return { user: userMessage(visibleUser(caller, user)) };
    },

    async getUser(request, context) {
      const caller = callerOf(context);
      const user = await store.users.get(caller.organizationId, request.userId.toLowerCase());
      return { user: userMessage(visibleUser(caller, user)) };
    },

    async setSuspended({ userId, suspended }, context) {
      const user = await authorized(callerOf(context), userId);
      const status = suspended ? UserStatus.SUSPENDED : UserStatus.ACTIVE;
      if ((await store.users.setStatus(user, status, clock.now())) === null) throw userNotFound();
      return {};
    },

    async deleteUser({ userId }, context) {
      const user = await authorized(callerOf(context), userId);
      if (!(await store.users.remove(user, clock.now()))) throw userNotFound();
      return {};
    },

    async createPersonalAccessToken(request, context) {
      const caller = callerOf(context);
      checkMintsForItself(caller, request.userId.toLowerCase());
      const { secret } = await mint(deps, {
        kind: "personal",
        organizationId: caller.organizationId,
        subject: { id: caller.id, principal: caller.principal },
        description: request.description,
        readOnly: request.readOnly,
        expiresAt: personalTokenExpiry(lifetimeMs(request.validFor), clock.now()),
        by: attributionOf(caller),
      });
      return { token: secret };
    },

    async getPersonalAccessToken(request, context) {
      const scope = personalTokenScope(callerOf(context));
      const token = await store.credentials.get(scope, request.personalAccessTokenId.toLowerCase());
      if (token === null) throw tokenNotFound();
      return { pat: personalTokenMessage(token) };
    },

    async listPersonalAccessTokens(request, context) {
      const scope = personalTokenScope(callerOf(context));
      const userIds = (request.filter?.userIds ?? []).map((id) => id.toLowerCase());
      const list = listOf(context, JSON.stringify(userIds));
      const { rows, pagination } = await pageOf(request.pagination, list, (page) =>
        store.credentials.list(scope, userIds, page),
      );
      return { personalAccessTokens: rows.map(personalTokenMessage), pagination };
    },

    async deletePersonalAccessToken(request, context) {
      const caller = callerOf(context);
      const id = request.personalAccessTokenId.toLowerCase();
      const token = await store.credentials.get(personalTokenScope(caller), id);
      const by = attributionOf(caller);
      if (token === null || !(await store.tokens.revokeAccessToken(by, token.id, clock.now()))) {
        throw tokenNotFound();
      }
      return {};
    },
  };
}
