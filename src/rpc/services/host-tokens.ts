import type { ServiceImpl } from "@connectrpc/connect";
import type { RunnerConfigurationService } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import type { Caller } from "../../domain/access/caller.ts";
import { draftHostToken, hostTokenNotFound, type SealValue } from "../../domain/host-tokens/host-token.ts";
import {
  type AuthorizedHostToken,
  authorizeHostToken,
  authorizeHostTokenCreation,
  type HostTokenAction,
  hostTokenScope,
} from "../../domain/host-tokens/rights.ts";
import type { SecretBox } from "../../domain/tokens/seal.ts";
import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ids.ts";
import type { Store } from "../../store/store.ts";
import { callerOf } from "../call/context.ts";
import {
  hostTokenChange,
  hostTokenFilter,
  hostTokenMessage,
  hostTokenRequest,
  namedSubject,
} from "../messages/host-token.ts";
import { pageOf } from "./paging.ts";
import { authorizedRunner, runnerFacts } from "./runner-access.ts";

type HostTokenMethods =
  | "createHostAuthenticationToken"
  | "getHostAuthenticationToken"
  | "listHostAuthenticationTokens"
  | "updateHostAuthenticationToken"
  | "deleteHostAuthenticationToken";

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly newId: IdSource;
  readonly secrets: SecretBox;
}

/** The part of `gitpod.v1.RunnerConfigurationService` about credentials of subjects for source-code hosts. */
export function hostTokens({
  store,
  clock,
  newId,
  secrets,
}: Deps): Pick<ServiceImpl<typeof RunnerConfigurationService>, HostTokenMethods> {
  const seal: SealValue = (value, context) => secrets.seal(Buffer.from(value), context);

  async function authorized<A extends HostTokenAction>(
    caller: Caller,
    action: A,
    sent: string,
  ): Promise<AuthorizedHostToken<A>> {
    const token = await store.hostTokens.get(caller.organizationId, sent.toLowerCase());
    const facts = token && (await runnerFacts(store, caller, token.runnerId));
    return authorizeHostToken(caller, action, token, facts ?? { runner: null, shared: null });
  }

  return {
    async createHostAuthenticationToken(request, context) {
      const caller = callerOf(context);
      const runner = await authorizedRunner(store, caller, "read", request.runnerId);
      const subject = authorizeHostTokenCreation(caller, namedSubject(request), request.source);
      const { id: runnerId, organizationId } = runner;
      const made = draftHostToken(
        hostTokenRequest(request),
        { id: newId(), organizationId, runnerId, subject, now: clock.now() },
        seal,
      );
      return { token: hostTokenMessage(await store.hostTokens.create(runner, made)) };
    },

    async getHostAuthenticationToken(request, context) {
      return { token: hostTokenMessage(await authorized(callerOf(context), "read", request.id)) };
    },

    async listHostAuthenticationTokens(request, context) {
      const scope = hostTokenScope(callerOf(context));
      const filter = hostTokenFilter(request);
      const list = `gitpod.v1.RunnerConfigurationService/ListHostAuthenticationTokens ${JSON.stringify(filter)}`;
      const { rows, pagination } = await pageOf(request.pagination, list, (page) =>
        store.hostTokens.list(scope, filter, page),
      );
      return { tokens: rows.map(hostTokenMessage), pagination };
    },

    async updateHostAuthenticationToken(request, context) {
      const token = await authorized(callerOf(context), "update", request.id);
      const now = clock.now();
      const change = hostTokenChange(request, token.id, { seal, now });
      if (!(await store.hostTokens.update(token, change, now))) throw hostTokenNotFound();
      return {};
    },

    async deleteHostAuthenticationToken(request, context) {
      const token = await authorized(callerOf(context), "delete", request.id);
      if (!(await store.hostTokens.remove(token, clock.now()))) throw hostTokenNotFound();
      return {};
    },
  };
}
