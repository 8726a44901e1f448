import { createHash } from "node:crypto";
import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { DomainError } from "../../domain/errors.ts";
import type { SecretBox } from "../../domain/tokens/seal.ts";

/** How long the answer to a call with an Idempotency-Key is kept, in milliseconds. */
export const answerKeptMs = 24 * 60 * 60 * 1000;

/**
 * The hash of the `Idempotency-Key` header, null without one.
 * @throws DomainError `invalid` for a key that is empty, longer than 255 characters, or not printable ASCII.
 */
export function idempotencyKeyHash(headers: Headers): Uint8Array | null {
  const key = headers.get("idempotency-key");
  if (key === null) return null;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new DomainError("invalid", "Idempotency-Key: must be 1 to 255 printable ASCII characters", {
      reason: "IDEMPOTENCY_KEY_MALFORMED",
    });
  }
  return createHash("sha256").update(key).digest();
}

/**
 * Tells two requests apart that came with the same key. Keyed, since it is stored and the request may hold a
 * password: a plain hash would let a reader of the database try passwords.
 */
export function requestHash<T extends DescMessage>(
  schema: T,
  request: MessageShape<T>,
  secrets: Pick<SecretBox, "digest">,
): Uint8Array {
  return secrets.digest("idempotent request", toBinary(schema, request));
}
