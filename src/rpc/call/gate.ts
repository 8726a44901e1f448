import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { EventService } from "../../../gen/gitpod/v1/event_pb.js";
import { IdentityService } from "../../../gen/gitpod/v1/identity_pb.js";
import { RunnerConfigurationService } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../../gen/gitpod/v1/runner_pb.js";
import { Health } from "../../../gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "../../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { RunnerAgentService } from "../../../gen/rollcall/v1/agent_pb.js";
import { type Caller, isRunner } from "../../domain/access/caller.ts";
import { DomainError } from "../../domain/errors.ts";
import type { CallLimits } from "../../domain/limits/call-limits.ts";
import type { Overload, Urgency } from "../../domain/limits/overload.ts";
import { type CertificatePolicy, checkCertificate } from "../../domain/tokens/client-certificate.ts";
import { type Awaitable, isPromise } from "../../lib/awaitable.ts";
import type { Clock } from "../../lib/clock.ts";
import type { TokenUses } from "../../upkeep/token-uses.ts";
import type { CallObserver } from "./call-observer.ts";
import type { Callers, Identity } from "./callers.ts";
import {
  addressKey,
  admittedAtKey,
  type Client,
  callerKey,
  clientCertificateKey,
  clientOf,
} from "./context.ts";
import { type InternalErrorLog, toConnectError } from "./errors.ts";
import { checkMethodRights } from "./method-rights.ts";
import type { ObservedCall } from "./observed-call.ts";

/** Everything else needs a token. A runner that bootstraps has none yet, and probes and tools have no account. */
export const openMethods: ReadonlySet<DescMethod> = new Set([
  IdentityService.method.exchangeToken,
  ...Health.methods,
  ...ServerReflection.methods,
  ...ServerReflectionAlpha.methods,
]);

/**
 * Answered however often they come: a load balancer may share its address with strangers who call too often, and the
 * answer costs no more than a refusal.
 */
const healthChecks: ReadonlySet<DescMethod> = new Set([Health.method.check, Health.method.list]);

/** What a fleet needs to stay alive, and the probes that ask whether the server is. */
const renewals: ReadonlySet<DescMethod> = new Set([
  RunnerAgentService.method.renewRegistration,
  RunnerAgentService.method.watchRegistration,
  RunnerAgentService.method.signOff,
  ...Health.methods,
]);

export interface GateDeps {
  readonly callers: Pick<Callers, "identify">;
  /** Learns which tokens are in use. */
  readonly uses: Pick<TokenUses, "note">;
  /** How often callers may call. */
  readonly limits: Pick<CallLimits, "countToken" | "countAddress" | "noteAddress">;
  /** Whether runners have to show a certificate. */
  readonly certificates: CertificatePolicy;
  /** What is refused while there is too much to do. */
  readonly overload: Pick<Overload, "admit">;
  readonly clock: Clock;
  readonly observer: CallObserver;
  readonly logInternal: InternalErrorLog;
  /** What a method asks of its caller before a byte of its request is read, where reading it costs much. */
  readonly admissions: ReadonlyMap<DescMethod, (caller: Caller) => Promise<void>>;
  /** Methods of the contract that this server does not have; said before their requests are judged. */
  readonly missing: ReadonlySet<DescMethod>;
}

/**
 * Authenticates a call from its headers, before any byte of its body is read, and puts the caller into the
 * context. Refuses with `unauthenticated`, and with `permission_denied` where a read-only token would change
 * something, or a caller that may never call the method. Nothing needs to be waited for where the caller is known.
 */
export function authenticationGate(deps: GateDeps): (context: HandlerContext) => Promise<void> | void {
  return (context) => {
    const call = deps.observer.begin(context);
    try {
      const pending = openMethods.has(context.method) ? admitStranger(deps, call) : identify(deps, context);
      return pending?.catch((error) => {
        throw refusal(deps, call, error);
      });
    } catch (error) {
      throw refusal(deps, call, error);
    }
  };
}

function admitStranger(deps: GateDeps, call: ObservedCall): undefined {
  const { context } = call;
  const address = context.values.get(addressKey);
  if (healthChecks.has(context.method)) call.isFlood = deps.limits.noteAddress(address);
  else deps.limits.countAddress(address);
  if (context.method === IdentityService.method.exchangeToken) {
    checkCertificate(deps.certificates, context.values.get(clientCertificateKey), null);
  }
  deps.overload.admit(urgencyOf(context.method), "");
  refuseMissing(deps, context.method);
}

function identify(deps: GateDeps, context: HandlerContext): Promise<void> | undefined {
  const { requestHeader, values } = context;
  const refused = (error: unknown): never => {
    // Refused tokens count for the address that they come from.
    if (error instanceof DomainError && error.kind === "unauthenticated") {
      deps.limits.countAddress(values.get(addressKey));
    }
    throw error;
  };
  let found: Awaitable<Identity>;
  try {
    found = deps.callers.identify(requestHeader.get("authorization"));
  } catch (error) {
    return refused(error);
  }
  if (!isPromise(found)) return admit(deps, context, found);
  return found.then((identity) => admit(deps, context, identity), refused);
}

function admit(deps: GateDeps, context: HandlerContext, identity: Identity): Promise<void> | undefined {
  const { method, values } = context;
  deps.limits.countToken(identity.tokenId);
  if (isRunner(identity)) {
    checkCertificate(deps.certificates, values.get(clientCertificateKey), identity.certificateName);
  }
  deps.overload.admit(urgencyOf(method), identity.organizationId);
  // When a runner was heard last is known from its lease.
  if (!isRunner(identity)) deps.uses.note(identity.tokenId);
  if (identity.readOnly && !isReadOnly(method)) throw readOnlyToken();
  const caller = callerFrom(identity, clientOf(context));
  values.set(callerKey, caller);
  values.set(admittedAtKey, deps.clock.monotonic());
  refuseMissing(deps, method);
  checkMethodRights(caller, method);
  return deps.admissions.get(method)?.(caller);
}

/** Named one by one, which costs a third of spreading both: this is in the way of every call. */
function callerFrom(identity: Identity, { sourceAddress, userAgent }: Client): Caller {
  const { id, principal, organizationId, readOnly, tokenId, certificateName, authority } = identity;
  return {
    id,
    principal,
    organizationId,
    readOnly,
    tokenId,
    certificateName,
    authority,
    sourceAddress,
    userAgent,
  };
}

function refuseMissing({ missing }: GateDeps, method: DescMethod): void {
  if (!missing.has(method)) return;
  throw new ConnectError(`${method.parent.typeName}.${method.name} is not implemented`, Code.Unimplemented);
}

/** What goes on the wire for an error of the gate, with which the call ends. */
function refusal({ observer, logInternal }: GateDeps, call: ObservedCall, error: unknown): ConnectError {
  const { method, values } = call.context;
  const refused = toConnectError(error, method.input, (cause, id) => logInternal(cause, id, values));
  observer.end(call, refused);
  return refused;
}

function urgencyOf(method: DescMethod): Urgency {
  if (renewals.has(method)) return "renewal";
  return isReadOnly(method) ? "read" : "change";
}

/** They change nothing, though the contract does not mark them: it marks methods for GET alone. */
const unmarkedReads: ReadonlySet<DescMethod> = new Set<DescMethod>([
  EventService.method.watchEvents,
  RunnerConfigurationService.method.validateRunnerConfiguration,
  RunnerService.method.parseContextURL,
  RunnerService.method.searchRepositories,
  RunnerService.method.listSCMOrganizations,
  RunnerService.method.checkAuthenticationForHost,
  RunnerService.method.checkRepositoryAccess,
]);

function isReadOnly(method: DescMethod): boolean {
  if (unmarkedReads.has(method)) return true;
  return method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
}

function readOnlyToken(): DomainError {
  return new DomainError("permission_denied", "a read-only token cannot call a method that changes things", {
    reason: "TOKEN_READ_ONLY",
  });
}
