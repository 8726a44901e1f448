import type { DescMethod } from "@bufbuild/protobuf";
import { EnvironmentService } from "../../../gen/gitpod/v1/environment_pb.js";
import { EventService } from "../../../gen/gitpod/v1/event_pb.js";
import { GatewayService } from "../../../gen/gitpod/v1/gateway_pb.js";
import { IdentityService } from "../../../gen/gitpod/v1/identity_pb.js";
import { RunnerConfigurationService } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../../gen/gitpod/v1/runner_pb.js";
import { AdminService } from "../../../gen/rollcall/v1/admin_pb.js";
import { RunnerAgentService } from "../../../gen/rollcall/v1/agent_pb.js";
import { type Caller, isRunner, refuseRunner } from "../../domain/access/caller.ts";
import { DomainError } from "../../domain/errors.ts";
import { refuseNonOperator } from "../../domain/users/rights.ts";

/** What runners may call at all. Everything else is for people and their service accounts. */
const runnerMethods: ReadonlySet<DescMethod> = new Set([
  ...RunnerAgentService.methods,
  RunnerService.method.getRunner,
  RunnerService.method.listRunners,
  IdentityService.method.getIDToken,
  IdentityService.method.getAuthenticatedIdentity,
  EventService.method.watchEvents,
  GatewayService.method.listGateways,
  EnvironmentService.method.listEnvironmentClasses,
  RunnerConfigurationService.method.getEnvironmentClass,
  RunnerConfigurationService.method.listEnvironmentClasses,
  RunnerConfigurationService.method.getSCMIntegration,
  RunnerConfigurationService.method.listSCMIntegrations,
  RunnerConfigurationService.method.getLLMIntegration,
  RunnerConfigurationService.method.listLLMIntegrations,
  RunnerConfigurationService.method.getRunnerConfigurationSchema,
  RunnerConfigurationService.method.createHostAuthenticationToken,
  RunnerConfigurationService.method.getHostAuthenticationToken,
  RunnerConfigurationService.method.listHostAuthenticationTokens,
  RunnerConfigurationService.method.updateHostAuthenticationToken,
  RunnerConfigurationService.method.deleteHostAuthenticationToken,
]);

/**
 * Refuses a caller that may not call a method whatever it asks for. The gate asks before it reads the request: who may
 * not call a method has no business with its rules either, and what they cost. What depends on the request is decided
 * by the method.
 * @throws DomainError `permission_denied`
 */
export function checkMethodRights(caller: Caller, method: DescMethod): void {
  if (!runnerMethods.has(method)) refuseRunner(caller);
  if (method.parent === RunnerAgentService) refusePeople(caller);
  if (method.parent === AdminService) refuseNonOperator(caller);
}

/** @throws DomainError for callers that are no runners */
export function refusePeople(caller: Caller): void {
  if (isRunner(caller)) return;
  throw new DomainError("permission_denied", "only a runner can call this, with its own access token", {
    reason: "NOT_A_RUNNER",
  });
}
