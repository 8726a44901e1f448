import { createHash } from "node:crypto";
import { invalidField } from "../errors.ts";

/** Page size when the caller does not choose one; the contract caps it at 100. */
export const defaultPageSize = 25;
/** The largest page that the contract lets callers choose. */
export const largestPage = 100;

/** Which rows to give: those after `after` in the order of the list, at most `limit`. */
export interface Page {
  readonly limit: number;
  readonly after: string | null;
}

const version = 1;
/** Bytes of an id in a key. */
export const idLength = 16;
const checkLength = 8;

/**
 * Opaque keyset token: version, the last id of the page, and a digest that binds both to the list and the
 * filter it was made for, so that a damaged or borrowed token is noticed instead of skipping rows.
 * @param filter everything but the page that decides which rows the list has.
 */
export function encodeCursor(lastId: string, filter: string): string {
  return encodeKey(Buffer.from(lastId.replaceAll("-", ""), "hex"), filter);
}

/**
 * The page that a request asks for.
 * @throws DomainError `invalid` when the token is damaged or was made for another list or filter.
 */
export function decodePage(pageSize: number, token: string, filter: string): Page {
  const limit = pageSize === 0 ? defaultPageSize : pageSize;
  if (token === "") return { limit, after: null };
  const id = decodeKey(token, idLength, filter);
  if (id === null) {
    throw invalidField(
      "pagination.token",
      "pagination.token.known",
      "is damaged or belongs to another list or filter; start again without a token",
    );
  }
  return { limit, after: idOf(id) };
}

/** A page token of a key of any kind. */
export function encodeKey(key: Uint8Array, filter: string): string {
  return Buffer.concat([Buffer.of(version), key, check(key, filter)]).toString("base64url");
}

/** The key in a page token of that list and filter, or null. @param length of the key, in bytes */
export function decodeKey(token: string, length: number, filter: string): Buffer | null {
  const bytes = Buffer.from(token, "base64url");
  const key = bytes.subarray(1, 1 + length);
  const wellFormed =
    bytes.length === 1 + length + checkLength &&
    bytes.toString("base64url") === token &&
    bytes[0] === version;
  return wellFormed && bytes.subarray(1 + length).equals(check(key, filter)) ? key : null;
}

/** An id as it is written, from its 16 bytes. */
export function idOf(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function check(key: Uint8Array, filter: string): Buffer {
  return createHash("sha256").update(key).update(filter).digest().subarray(0, checkLength);
}
