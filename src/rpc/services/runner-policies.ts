import type { ServiceImpl } from "@connectrpc/connect";
import type { RunnerService } from "../../../gen/gitpod/v1/runner_pb.js";
import { refuseFixedRoles } from "../../domain/access/groups.ts";
import { ResourceType } from "../../domain/access/resources.ts";
import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ids.ts";
import type { Store } from "../../store/store.ts";
import { callerOf } from "../call/context.ts";
import { policyMessage, policyRole } from "../messages/group.ts";
import { authorizedGroup, sharableResource } from "./group-access.ts";
import { listOf, pageOf } from "./paging.ts";
import { authorizedRunner } from "./runner-access.ts";

type PolicyMethods =
  | "listRunnerPolicies"
  | "createRunnerPolicy"
  | "updateRunnerPolicy"
  | "deleteRunnerPolicy";

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly newId: IdSource;
}

/** The part of `gitpod.v1.RunnerService` that shares runners with groups; the grants are role assignments. */
export function runnerPolicies({
  store,
  clock,
  newId,
}: Deps): Pick<ServiceImpl<typeof RunnerService>, PolicyMethods> {
  return {
    async listRunnerPolicies({ runnerId, pagination }, context) {
      const runner = await authorizedRunner(store, callerOf(context), "share", runnerId);
      const list = listOf(context, runner.id);
      const page = await pageOf(pagination, list, (wanted) => store.roles.policies(runner, wanted));
      return { policies: page.rows.map(policyMessage), pagination: page.pagination };
    },

    async createRunnerPolicy(request, context) {
      const caller = callerOf(context);
      const role = policyRole(request.role);
      const resource = { resourceType: ResourceType.RUNNER, resourceId: request.runnerId.toLowerCase() };
      const runner = await sharableResource(store, caller, resource);
      const group = await authorizedGroup(store, caller, "read", request.groupId);
      refuseFixedRoles(group, runner.resourceType);
      const assignment = { id: newId(), groupId: group.id, role };
      await store.roles.assign(runner, assignment, clock.now());
      return { policy: policyMessage({ groupId: group.id, role }) };
    },

    async updateRunnerPolicy(request, context) {
      const role = policyRole(request.role);
      const runner = await authorizedRunner(store, callerOf(context), "share", request.runnerId);
      const groupId = request.groupId.toLowerCase();
      await store.roles.changePolicy(runner, groupId, role, clock.now());
      return { policy: policyMessage({ groupId, role }) };
    },

    async deleteRunnerPolicy(request, context) {
      const runner = await authorizedRunner(store, callerOf(context), "share", request.runnerId);
      await store.roles.removePolicy(runner, request.groupId.toLowerCase(), clock.now());
      return {};
    },
  };
}
