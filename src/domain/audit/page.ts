import { invalidField } from "../errors.ts";
import { decodeKey, defaultPageSize, encodeKey, idLength, idOf } from "../paging/cursor.ts";
import { sortingOf } from "../paging/sort.ts";
import type { AuditOrder, AuditRecord } from "./entry.ts";

/** Which entries to give: at most `limit`, after that entry in the order of the list. */
export interface AuditPage {
  readonly limit: number;
  readonly after: Pick<AuditRecord, "createdAt" | "id"> | null;
}

const timeLength = 6;
const keyLength = timeLength + idLength;

/** Opaque keyset token: version, time and id of the last entry, and a digest that binds them to the list. */
export function encodeAuditCursor(
  { createdAt, id }: Pick<AuditRecord, "createdAt" | "id">,
  list: string,
): string {
  const key = Buffer.alloc(keyLength);
  key.writeUIntBE(createdAt, 0, timeLength);
  key.write(id.replaceAll("-", ""), timeLength, "hex");
  return encodeKey(key, list);
}

/** @throws DomainError `invalid` when the token is damaged or was made for another filter or order. */
export function decodeAuditPage(pageSize: number, token: string, list: string): AuditPage {
  const limit = pageSize === 0 ? defaultPageSize : pageSize;
  if (token === "") return { limit, after: null };
  const key = decodeKey(token, keyLength, list);
  if (key === null) {
    throw invalidField(
      "pagination.token",
      "pagination.token.known",
      "is damaged or belongs to another filter or order; start again without a token",
    );
  }
  return { limit, after: { createdAt: key.readUIntBE(0, timeLength), id: idOf(key.subarray(timeLength)) } };
}

/** The order that a request asks for. @throws DomainError `invalid` for a field that the log cannot be sorted by */
export function auditOrder(
  asked: { readonly field: string; readonly order: number } | undefined,
): AuditOrder {
  const { descending } = sortingOf(asked, ["createdAt"], { field: "createdAt", descending: true });
  return descending ? "newest_first" : "oldest_first";
}
