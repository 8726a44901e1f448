import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { ConnectRouter, ConnectRouterOptions, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Logger } from "pino";
import { EnvironmentService } from "../../gen/gitpod/v1/environment_pb.js";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { GatewayService } from "../../gen/gitpod/v1/gateway_pb.js";
import { GroupService } from "../../gen/gitpod/v1/group_pb.js";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { OrganizationService } from "../../gen/gitpod/v1/organization_pb.js";
import { RunnerConfigurationService } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { ServiceAccountService } from "../../gen/gitpod/v1/service_account_pb.js";
import { UserService } from "../../gen/gitpod/v1/user_pb.js";
import { Health } from "../../gen/grpc/health/v1/health_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import type { CallLimits } from "../domain/limits/call-limits.ts";
import type { OpenStreams } from "../domain/limits/open-streams.ts";
import type { Overload } from "../domain/limits/overload.ts";
import type { CertificatePolicy } from "../domain/tokens/client-certificate.ts";
import type { SecretBox } from "../domain/tokens/seal.ts";
import type { EventHub } from "../events/hub.ts";
import type { RunnerRegistry } from "../fleet/fleet.ts";
import type { Questions } from "../fleet/questions.ts";
import type { Clock } from "../lib/clock.ts";
import type { IdSource } from "../lib/ids.ts";
import type { Store } from "../store/store.ts";
import type { IssueLog } from "../upkeep/issue-log.ts";
import type { KeyRing } from "../upkeep/key-ring.ts";
import type { TokenUses } from "../upkeep/token-uses.ts";
import { CallObserver } from "./call/call-observer.ts";
import type { Callers } from "./call/callers.ts";
import { callInterceptor } from "./call/calls.ts";
import { addressKey } from "./call/context.ts";
import type { InternalErrorLog } from "./call/errors.ts";
import { failureInterceptor } from "./call/failures.ts";
import { authenticationGate } from "./call/gate.ts";
import type { Interceptor } from "./call/interceptor.ts";
import { type CallMeter, type CallTracer, callFields } from "./call/observed-call.ts";
import { rightsInterceptor } from "./call/rights.ts";
import { streamLimitsInterceptor } from "./call/stream-limits.ts";
import { validationInterceptor } from "./call/validation.ts";
import type { Answered, Asked } from "./messages/question.ts";
import { adminService } from "./services/admin.ts";
import { agentService, reportAdmission } from "./services/agents.ts";
import { configurationSchemas } from "./services/configuration-schema.ts";
import { environmentClasses } from "./services/environment-classes.ts";
import { eventService } from "./services/events.ts";
import { gatewayService } from "./services/gateways.ts";
import { groupService } from "./services/groups.ts";
import { type HealthSource, healthService } from "./services/health.ts";
import { hostTokens } from "./services/host-tokens.ts";
import { idTokens } from "./services/id-tokens.ts";
import { identityService } from "./services/identity.ts";
import { llmIntegrations } from "./services/llm-integrations.ts";
import { logsTokens } from "./services/logs-token.ts";
import { organizationService } from "./services/organizations.ts";
import { userPreferences } from "./services/preferences.ts";
import { reflectionRoutes } from "./services/reflection.ts";
import { runnerPolicies } from "./services/runner-policies.ts";
import { runnerService } from "./services/runners.ts";
import { scmIntegrations } from "./services/scm-integrations.ts";
import { serviceAccountService } from "./services/service-accounts.ts";
import { sourceCodeHosts } from "./services/source-code-hosts.ts";
import { userService } from "./services/users.ts";

/** What the services work with. */
export interface RpcDeps {
  readonly store: Store;
  readonly callers: Callers;
  readonly registry: RunnerRegistry;
  readonly questions: Questions<Asked, Answered>;
  readonly hub: EventHub;
  readonly clock: Clock;
  readonly newId: IdSource;
  readonly secrets: SecretBox;
  readonly keyRing: KeyRing;
  readonly issues: IssueLog;
  /** The issuer of signed tokens: where the world reaches this server. */
  readonly issuer: () => string;
  readonly uses: TokenUses;
  readonly callLimits: CallLimits;
  readonly streams: OpenStreams;
  /** Whether runners have to show a certificate. */
  readonly certificates: CertificatePolicy;
  readonly overload: Overload;
  readonly log: Logger;
  readonly meter: CallMeter;
  /** Null when calls are not traced. */
  readonly tracer: CallTracer | null;
  readonly health: HealthSource;
  /** Milliseconds of silence after which a watch says something; 0 never. */
  readonly keepAliveMs: number;
  /** Whether the schema can be asked for. */
  readonly reflection: boolean;
}

/** The API as routes and the options that every route needs. */
export interface Rpc {
  readonly routes: (router: ConnectRouter) => void;
  readonly options: Pick<ConnectRouterOptions, "requestGate"> & {
    readonly interceptors: readonly Interceptor[];
    /** Wants to hear when a call is over for HTTP: with its error if it has one, undefined when its client has gone. */
    readonly onOver: (context: HandlerContext, reason: unknown) => void;
  };
}

/** Puts the services together: authentication, then validation, then the handler. */
export function createRpc(deps: RpcDeps): Rpc {
  const { log, clock, meter, tracer } = deps;
  const observer = new CallObserver({ log, clock, meter, tracer });
  const logInternal: InternalErrorLog = (error, id, values) => {
    meter.internalError();
    log.error({ err: error, errorId: id, ...callFields(values) }, "internal error");
  };
  const classes = environmentClasses(deps);
  const served: readonly Served[] = [
    serve(RunnerService, {
      ...runnerService(deps),
      ...runnerPolicies(deps),
      ...logsTokens(deps),
      ...sourceCodeHosts(deps),
    }),
    serve(IdentityService, { ...identityService(deps), ...idTokens(deps) }),
    serve(RunnerAgentService, agentService(deps)),
    serve(RunnerConfigurationService, {
      ...classes,
      ...scmIntegrations(deps),
      ...hostTokens(deps),
      ...llmIntegrations(deps),
      ...configurationSchemas(deps),
    }),
    serve(EnvironmentService, { listEnvironmentClasses: classes.listEnvironmentClasses }),
    serve(OrganizationService, organizationService(deps)),
    serve(EventService, eventService(deps)),
    serve(GroupService, groupService(deps)),
    serve(UserService, { ...userService(deps), ...userPreferences(deps) }),
    serve(ServiceAccountService, serviceAccountService(deps)),
    serve(GatewayService, gatewayService(deps)),
    serve(AdminService, adminService(deps)),
  ];
  const services = served.map(({ service }) => service);
  const countQuestion = ({ values }: HandlerContext) => deps.callLimits.countAddress(values.get(addressKey));
  return {
    routes: (router) => {
      for (const service of served) service.register(router);
      router.service(Health, healthService(deps.health, services, deps.keepAliveMs));
      if (deps.reflection) reflectionRoutes([...services, Health], countQuestion)(router);
    },
    options: {
      requestGate: authenticationGate({
        callers: deps.callers,
        uses: deps.uses,
        limits: deps.callLimits,
        certificates: deps.certificates,
        overload: deps.overload,
        clock,
        observer,
        logInternal,
        admissions: new Map([
          [RunnerAgentService.method.reportRunnerMetrics, reportAdmission(deps.registry)],
        ]),
        missing: new Set(served.flatMap(({ missing }) => missing)),
      }),
      interceptors: [
        callInterceptor(observer),
        failureInterceptor(logInternal),
        rightsInterceptor(deps.callers, clock),
        streamLimitsInterceptor(deps.streams),
        validationInterceptor(),
      ],
      onOver: (context, reason) => observer.over(context, reason),
    },
  };
}

interface Served {
  readonly service: DescService;
  readonly missing: readonly DescMethod[];
  register(router: ConnectRouter): void;
}

function serve<T extends DescService>(service: T, implementation: Partial<ServiceImpl<T>>): Served {
  return {
    service,
    missing: service.methods.filter(({ localName }) => !Object.hasOwn(implementation, localName)),
    register: (router) => void router.service(service, implementation),
  };
}
