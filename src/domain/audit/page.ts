import { createHash } from "node:crypto";
import { invalidField } from "../errors.ts";
import { defaultPageSize } from "../paging/cursor.ts";
import { sortingOf } from "../paging/sort.ts";
import type { AuditOrder, AuditRecord } from "./entry.ts";

/** Which entries to give: at most `limit`, after that entry in the order of the list. */
export interface AuditPage {
  readonly limit: number;
  readonly after: Pick<AuditRecord, "createdAt" | "id"> | null;
}

const version = 1;
const timeLength = 6;
const idLength = 16;
const checkLength = 8;
const keyLength = timeLength + idLength;

/** Opaque keyset token: version, time and id of the last entry, and a digest that binds them to the list. */
export function encodeAuditCursor(
  { createdAt, id }: Pick<AuditRecord, "createdAt" | "id">,
  list: string,
): string {
  const key = Buffer.alloc(keyLength);
  key.writeUIntBE(createdAt, 0, timeLength);
  key.write(id.replaceAll("-", ""), timeLength, "hex");
  return Buffer.concat([Buffer.of(version), key, check(key, list)]).toString("base64url");
}

/** @throws DomainError `invalid` when the token is damaged or was made for another filter or order. */
export function decodeAuditPage(pageSize: number, token: string, list: string): AuditPage {
  const limit = pageSize === 0 ? defaultPageSize : pageSize;
  if (token === "") return { limit, after: null };
  const bytes = Buffer.from(token, "base64url");
  const key = bytes.subarray(1, 1 + keyLength);
  const wellFormed =
    bytes.length === 1 + keyLength + checkLength &&
    bytes.toString("base64url") === token &&
    bytes[0] === version;
  if (!wellFormed || !bytes.subarray(1 + keyLength).equals(check(key, list))) {
    throw invalidField(
      "pagination.token",
      "pagination.token.known",
      "is damaged or belongs to another filter or order; start again without a token",
    );
  }
  const hex = key.toString("hex", timeLength);
  const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return { limit, after: { createdAt: key.readUIntBE(0, timeLength), id: id.join("-") } };
}

/** The order that a request asks for. @throws DomainError `invalid` for a field that the log cannot be sorted by */
export function auditOrder(
  asked: { readonly field: string; readonly order: number } | undefined,
): AuditOrder {
  const { descending } = sortingOf(asked, ["createdAt"], { field: "createdAt", descending: true });
  return descending ? "newest_first" : "oldest_first";
}

function check(key: Uint8Array, list: string): Buffer {
  return createHash("sha256").update(key).update(list).digest().subarray(0, checkLength);
}
