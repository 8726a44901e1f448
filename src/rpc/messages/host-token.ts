import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type CreateHostAuthenticationTokenRequest,
  type HostAuthenticationToken,
  HostAuthenticationTokenSchema,
  type ListHostAuthenticationTokensRequest,
  type UpdateHostAuthenticationTokenRequest,
} from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import {
  boundTo,
  checkHostTokenFields,
  type HostToken,
  type HostTokenChange,
  type HostTokenFilter,
  type HostTokenRequest,
  type SealValue,
  userIdOf,
} from "../../domain/host-tokens/host-token.ts";
import type { NamedSubject } from "../../domain/host-tokens/rights.ts";
import { timeMs } from "./account.ts";
import { present } from "./present.ts";

export function hostTokenMessage(token: HostToken): HostAuthenticationToken {
  const { id, runnerId, host, source, integrationId, scopes, subject, expiresAt } = token;
  return create(HostAuthenticationTokenSchema, {
    ...{ id, runnerId, host, source, integrationId, subject },
    scopes: [...scopes],
    userId: userIdOf(subject),
    ...(expiresAt !== null && { expiresAt: timestampFromMs(expiresAt) }),
  });
}

export function hostTokenRequest(request: CreateHostAuthenticationTokenRequest): HostTokenRequest {
  const { host, token, refreshToken, source, scopes, expiresAt, integrationId } = request;
  return {
    ...{ host, token, refreshToken, source, scopes },
    expiresAt: expiresAt === undefined ? null : timeMs("expires_at", expiresAt),
    integrationId: integrationId === "" ? null : integrationId.toLowerCase(),
  };
}

export function namedSubject({ subject, userId }: CreateHostAuthenticationTokenRequest): NamedSubject {
  return {
    id: subject?.id.toLowerCase() ?? "",
    principal: subject?.principal ?? 0,
    userId: userId.toLowerCase(),
  };
}

/**
 * An update request as a change by presence; an empty list of scopes is one that was not sent.
 * @param id of the token
 * @throws DomainError `invalid` for a field; no error repeats a secret
 */
export function hostTokenChange(
  request: UpdateHostAuthenticationTokenRequest,
  id: string,
  { seal, now }: { readonly seal: SealValue; readonly now: number },
): HostTokenChange {
  const { token, refreshToken, scopes: sent } = request;
  const scopes = sent.length === 0 ? undefined : sent;
  const expiresAt = request.expiresAt && timeMs("expires_at", request.expiresAt);
  checkHostTokenFields(present({ token, refreshToken, scopes, expiresAt }), now);
  return present({
    token: token === undefined ? undefined : seal(token, boundTo(id, "token")),
    refreshToken: refreshToken === undefined ? undefined : refreshTokenOf(refreshToken, id, seal),
    expiresAt,
    scopes,
  });
}

/** Empty clears it. */
function refreshTokenOf(sent: string, id: string, seal: SealValue): Uint8Array | null {
  return sent === "" ? null : seal(sent, boundTo(id, "refresh_token"));
}

export function hostTokenFilter({ filter }: ListHostAuthenticationTokensRequest): HostTokenFilter {
  const subjectIds = [filter?.subjectId, filter?.userId].filter((id) => id !== undefined);
  return {
    runnerId: filter?.runnerId?.toLowerCase() ?? null,
    subjectIds: subjectIds.map((id) => id.toLowerCase()),
  };
}
