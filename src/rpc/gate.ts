import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Logger } from "pino";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { Health } from "../../gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { authorityOf, holdsRoles, noAuthority } from "../domain/access/authority.ts";
import { type Caller, isRunner } from "../domain/access/caller.ts";
import type { Clock } from "../domain/clock.ts";
import { DomainError } from "../domain/errors.ts";
import type { CallLimits } from "../domain/limits/call-limits.ts";
import { usableToken } from "../domain/tokens/access-token.ts";
import { hashToken } from "../domain/tokens/token.ts";
import type { TokenUses } from "../registry/token-uses.ts";
import type { Store } from "../store/store.ts";
import { addressKey, admittedAtKey, bearer, type Client, callerKey, clientOf } from "./context.ts";
import { type InternalErrorLog, toConnectError } from "./errors.ts";

/** Everything else needs a token. A runner that bootstraps has none yet, and probes and tools have no account. */
const openMethods: ReadonlySet<DescMethod> = new Set([
  IdentityService.method.exchangeToken,
  ...Health.methods,
  ...ServerReflection.methods,
  ...ServerReflectionAlpha.methods,
]);

/** Where callers are looked up. */
export type CallerSource = Pick<Store, "tokens" | "access">;

export interface GateDeps {
  readonly store: CallerSource;
  /** Learns which tokens are in use. */
  readonly uses: Pick<TokenUses, "note">;
  /** How often callers may call. */
  readonly limits: Pick<CallLimits, "countToken" | "countAddress">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly logInternal: InternalErrorLog;
  /** Methods of the contract that this server does not have; said before their requests are judged. */
  readonly missing: ReadonlySet<DescMethod>;
}

/**
 * Authenticates a call from its headers, before any byte of its body is read, and puts the caller into the
 * context. Refuses with `unauthenticated`, and with `permission_denied` where a read-only token would change
 * something.
 */
export function authenticationGate(deps: GateDeps): (context: HandlerContext) => Promise<void> {
  return async (context) => {
    const { method, values } = context;
    try {
      if (openMethods.has(method)) {
        deps.limits.countAddress(values.get(addressKey));
      } else {
        const caller = { ...(await identify(deps, context)), ...clientOf(context) };
        deps.limits.countToken(caller.tokenId);
        // When a runner was heard last is known from its lease.
        if (!isRunner(caller)) deps.uses.note(caller.tokenId);
        if (caller.readOnly && !isReadOnly(method)) throw readOnlyToken();
        values.set(callerKey, caller);
        values.set(admittedAtKey, deps.clock.monotonic());
      }
      if (deps.missing.has(method)) {
        throw new ConnectError(
          `${method.parent.typeName}.${method.name} is not implemented`,
          Code.Unimplemented,
        );
      }
    } catch (error) {
      const refusal = toConnectError(error, method.input, deps.logInternal);
      const name = `${method.parent.typeName}/${method.name}`;
      // Who calls too often must not fill the log as well.
      const level = error instanceof DomainError && error.reason === "RATE_LIMITED" ? "debug" : "info";
      deps.log[level](
        { method: name, code: codeToString(refusal.code), refusal: refusal.rawMessage },
        "call refused",
      );
      throw refusal;
    }
  };
}

/** Refused tokens count for the address that they come from. @throws DomainError */
async function identify({ store, clock, limits }: GateDeps, { requestHeader, values }: HandlerContext) {
  try {
    return await authenticate(store, clock, requestHeader.get("authorization"));
  } catch (error) {
    if (error instanceof DomainError && error.kind === "unauthenticated") {
      limits.countAddress(values.get(addressKey));
    }
    throw error;
  }
}

/** The caller that an Authorization header stands for. @throws DomainError `unauthenticated` */
export async function authenticate(
  { tokens, access }: CallerSource,
  clock: Clock,
  authorization: string | null,
): Promise<Omit<Caller, keyof Client>> {
  const hash = hashToken(bearer(authorization));
  const token = usableToken(await tokens.findAccessToken(hash), clock.now());
  const { subjectId: id, principal, organizationId, readOnly, id: tokenId } = token;
  // Runners hold no roles, and there are many more of their calls.
  const authority = holdsRoles(principal)
    ? authorityOf(principal, await access.grantsOf(organizationId, id))
    : noAuthority;
  return { id, principal, organizationId, readOnly, tokenId, authority };
}

/** Listening changes nothing, though the contract cannot mark it: only methods for GET are marked. */
function isReadOnly(method: DescMethod): boolean {
  if (method === EventService.method.watchEvents) return true;
  return method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
}

function readOnlyToken(): DomainError {
  return new DomainError("permission_denied", "a read-only token cannot call a method that changes things", {
    reason: "TOKEN_READ_ONLY",
  });
}
