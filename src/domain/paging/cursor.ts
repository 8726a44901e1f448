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
const idLength = 16;
const checkLength = 8;

/**
 * Opaque keyset token: version, the last id of the page, and a digest that binds both to the list and the
 * filter it was made for, so that a damaged or borrowed token is noticed instead of skipping rows.
 * @param filter everything but the page that decides which rows the list has.
 */
export function encodeCursor(lastId: string, filter: string): string {
  const id = Buffer.from(lastId.replaceAll("-", ""), "hex");
  return Buffer.concat([Buffer.of(version), id, check(id, filter)]).toString("base64url");
}

/**
 * The page that a request asks for.
 * @throws DomainError `invalid` when the token is damaged or was made for another list or filter.
 */
export function decodePage(pageSize: number, token: string, filter: string): Page {
  const limit = pageSize === 0 ? defaultPageSize : pageSize;
  if (token === "") return { limit, after: null };
  const bytes = Buffer.from(token, "base64url");
  const id = bytes.subarray(1, 1 + idLength);
  const wellFormed = bytes.length === 1 + idLength + checkLength && bytes.toString("base64url") === token;
  if (!wellFormed || bytes[0] !== version || !bytes.subarray(1 + idLength).equals(check(id, filter))) {
    throw invalidField(
      "pagination.token",
      "pagination.token.known",
      "is damaged or belongs to another list or filter; start again without a token",
    );
  }
  const hex = id.toString("hex");
  const after = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return { limit, after: after.join("-") };
}

function check(id: Uint8Array, filter: string): Buffer {
  return createHash("sha256").update(id).update(filter).digest().subarray(0, checkLength);
}
