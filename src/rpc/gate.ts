import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Logger } from "pino";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { Health } from "../../gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import type { Caller } from "../domain/access/caller.ts";
import type { Clock } from "../domain/clock.ts";
import { DomainError } from "../domain/errors.ts";
import { usableToken } from "../domain/tokens/access-token.ts";
import { hashToken } from "../domain/tokens/token.ts";
import type { TokenStore } from "../store/store.ts";
import { callerKey } from "./context.ts";
import { type InternalErrorLog, toConnectError } from "./errors.ts";

/** Everything else needs a token. A runner that bootstraps has none yet, and probes and tools have no account. */
const openMethods: ReadonlySet<DescMethod> = new Set([
  IdentityService.method.exchangeToken,
  ...Health.methods,
  ...ServerReflection.methods,
  ...ServerReflectionAlpha.methods,
]);

export interface GateDeps {
  readonly tokens: TokenStore;
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
    const { method } = context;
    try {
      if (!openMethods.has(method)) context.values.set(callerKey, await authenticate(deps, context));
      if (deps.missing.has(method)) {
        throw new ConnectError(
          `${method.parent.typeName}.${method.name} is not implemented`,
          Code.Unimplemented,
        );
      }
    } catch (error) {
      const refusal = toConnectError(error, method.input, deps.logInternal);
      const name = `${method.parent.typeName}/${method.name}`;
      deps.log.info(
        { method: name, code: codeToString(refusal.code), refusal: refusal.rawMessage },
        "call refused",
      );
      throw refusal;
    }
  };
}

async function authenticate(
  { tokens, clock }: GateDeps,
  { method, requestHeader }: HandlerContext,
): Promise<Caller> {
  const secret = bearer(requestHeader.get("authorization"));
  const token = usableToken(await tokens.findAccessToken(hashToken(secret)), clock.now());
  if (token.readOnly && !isReadOnly(method)) {
    throw new DomainError("permission_denied", "a read-only token cannot call a method that changes things", {
      reason: "TOKEN_READ_ONLY",
    });
  }
  const { subjectId: id, principal, organizationId, readOnly, id: tokenId } = token;
  return { id, principal, organizationId, readOnly, tokenId };
}

/** RFC 6750: one `Authorization: Bearer <token>` header, the scheme in any case. */
function bearer(header: string | null): string {
  if (header === null) {
    throw new DomainError("unauthenticated", "send an access token: Authorization: Bearer <token>", {
      reason: "TOKEN_MISSING",
    });
  }
  const secret = /^bearer +([\x21-\x7e]+) *$/i.exec(header)?.[1];
  if (secret === undefined) {
    throw new DomainError("unauthenticated", "the Authorization header is not of the form: Bearer <token>", {
      reason: "TOKEN_MALFORMED",
    });
  }
  return secret;
}

function isReadOnly(method: DescMethod): boolean {
  return method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
}
