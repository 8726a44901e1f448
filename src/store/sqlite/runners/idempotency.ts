import { and, eq, lt, sql } from "drizzle-orm";
import { DomainError } from "../../../domain/errors.ts";
import type { IdempotentCall } from "../../store.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders } from "../engine/statements.ts";
import { idempotentCalls } from "../schema.ts";

/** Answers kept for repeated calls. Both methods run inside the transaction of the call. */
export interface Idempotency {
  /**
   * The answer kept for the same call, or null.
   * @throws DomainError `invalid` when the key came with another request before.
   */
  find(organizationId: string, call: IdempotentCall, now: number): Uint8Array | null;
  keep(organizationId: string, call: IdempotentCall): void;
}

export function idempotency(connection: Connection): Idempotency {
  const select = connection
    .select()
    .from(idempotentCalls)
    .where(
      and(
        eq(idempotentCalls.callerId, sql.placeholder("callerId")),
        eq(idempotentCalls.method, sql.placeholder("method")),
        eq(idempotentCalls.keyHash, sql.placeholder("keyHash")),
        eq(idempotentCalls.organizationId, sql.placeholder("organizationId")),
      ),
    )
    .prepare();
  const insert = connection.insert(idempotentCalls).values(columnPlaceholders(idempotentCalls)).prepare();
  const forget = connection
    .delete(idempotentCalls)
    .where(lt(idempotentCalls.expiresAt, sql.placeholder("now")))
    .prepare();
  return {
    find(organizationId, call, now) {
      forget.run({ now });
      const kept = select.get({ ...call, organizationId, keyHash: Buffer.from(call.keyHash) });
      if (kept === undefined) return null;
      // Empty once the server's key was changed: there is nothing to compare with.
      if (kept.requestHash.length > 0 && !kept.requestHash.equals(call.requestHash)) {
        throw new DomainError("invalid", "Idempotency-Key: was used for another request before", {
          reason: "IDEMPOTENCY_KEY_REUSED",
        });
      }
      return kept.answer;
    },
    keep(organizationId, call) {
      insert.run({
        ...call,
        organizationId,
        keyHash: Buffer.from(call.keyHash),
        requestHash: Buffer.from(call.requestHash),
        answer: Buffer.from(call.answer),
      });
    },
  };
}
