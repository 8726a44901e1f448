import { decodePage, encodeCursor, type Page } from "../../domain/paging/cursor.ts";
import type { Rows } from "../../store/store.ts";

/** Most of what one page holds, in characters and bytes of its rows: clients of gRPC take answers of up to 4 MiB. */
const pageBytes = 3 * 1024 * 1024;

/**
 * Reads the page that a request asks for, of a list in the order of its ids.
 * @param list what the page token is good for: the method, and everything that decides which rows there are
 * @throws DomainError `invalid` for a token that is damaged or of another list
 */
export async function pageOf<T extends { readonly id: string }>(
  pagination: { readonly pageSize: number; readonly token: string } | undefined,
  list: string,
  read: (page: Page) => Promise<Rows<T>>,
): Promise<{ rows: readonly T[]; pagination: { nextToken: string } }> {
  const page = decodePage(pagination?.pageSize ?? 0, pagination?.token ?? "", list);
  const { rows, more } = shrunk(await read(page));
  const last = rows.at(-1);
  return { rows, pagination: { nextToken: more && last ? encodeCursor(last.id, list) : "" } };
}

/**
 * As many of a page's rows as one answer can carry, and at least one: a list with large rows takes more pages, where
 * it would otherwise be an answer that cannot be sent, and fail for good.
 */
export function shrunk<T>({ rows, more }: Rows<T>): Rows<T> {
  let left = pageBytes;
  for (const [index, row] of rows.entries()) {
    left -= weight(row);
    if (left < 0 && index > 0) return { rows: rows.slice(0, index), more: true };
  }
  return { rows, more };
}

/** The texts and bytes in a value: all of it that can be large. */
function weight(value: unknown): number {
  if (typeof value === "string" || value instanceof Uint8Array) return value.length;
  if (typeof value !== "object" || value === null) return 0;
  let sum = 0;
  for (const part of Object.values(value)) sum += weight(part);
  return sum;
}
