import { create } from "@bufbuild/protobuf";
import {
  type Duration,
  durationMs,
  type Timestamp,
  timestampFromMs,
  timestampMs,
} from "@bufbuild/protobuf/wkt";
import {
  type ServiceAccount as ServiceAccountMessage,
  ServiceAccountSchema,
  type ServiceAccountToken,
  ServiceAccountTokenSchema,
} from "../../../gen/gitpod/v1/service_account_pb.js";
import {
  type PersonalAccessToken,
  PersonalAccessTokenSchema,
  type User as UserMessage,
  UserSchema,
} from "../../../gen/gitpod/v1/user_pb.js";
import { invalidField } from "../../domain/errors.ts";
import type { ServiceAccount } from "../../domain/service-accounts/service-account.ts";
import type { User } from "../../domain/users/user.ts";
import type { HeldToken } from "../../store/credential-store.ts";

export function userMessage({ createdAt, ...user }: User): UserMessage {
  return create(UserSchema, { ...user, createdAt: timestampFromMs(createdAt) });
}

export function serviceAccountMessage({
  createdAt,
  validUntil,
  deletedAt: _,
  ...account
}: ServiceAccount): ServiceAccountMessage {
  return create(ServiceAccountSchema, {
    ...account,
    createdAt: timestampFromMs(createdAt),
    validUntil: timestampFromMs(validUntil),
  });
}

export function personalTokenMessage(token: HeldToken): PersonalAccessToken {
  return create(PersonalAccessTokenSchema, {
    ...tokenFields(token),
    userId: token.subjectId,
    readOnly: token.readOnly,
  });
}

export function serviceAccountTokenMessage(token: HeldToken): ServiceAccountToken {
  return create(ServiceAccountTokenSchema, { ...tokenFields(token), serviceAccountId: token.subjectId });
}

function tokenFields({ id, description, creator, createdAt, expiresAt, lastUsedAt }: HeldToken) {
  return {
    id,
    description,
    creator,
    createdAt: timestampFromMs(createdAt),
    ...(expiresAt !== null && { expiresAt: timestampFromMs(expiresAt) }),
    ...(lastUsedAt !== null && { lastUsed: timestampFromMs(lastUsedAt) }),
  };
}

/** Milliseconds of a duration, 0 when it was not sent; what is less than one is one, for 0 means something else. */
export function lifetimeMs(duration: Duration | undefined): number {
  if (duration === undefined) return 0;
  const ms = durationMs(duration);
  return ms > 0 ? Math.max(1, Math.floor(ms)) : 0;
}

/** The years 1 to 9999, in seconds since the Unix epoch: what a `google.protobuf.Timestamp` may say. */
const [first, last] = [-62_135_596_800n, 253_402_300_799n];

/**
 * Milliseconds since the Unix epoch. The binary form holds more than a date can be.
 * @throws DomainError `invalid` for the field
 */
export function timeMs(field: string, time: Timestamp): number {
  if (time.seconds < first || time.seconds > last || time.nanos < 0 || time.nanos > 999_999_999) {
    throw invalidField(field, "timestamp.range", "must be a time between the years 1 and 9999");
  }
  return timestampMs(time);
}
