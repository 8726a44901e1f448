import { decodePage, encodeCursor, type Page } from "../../domain/paging/cursor.ts";
import type { Rows } from "../../store/store.ts";

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
  const { rows, more } = await read(decodePage(pagination?.pageSize ?? 0, pagination?.token ?? "", list));
  const last = rows.at(-1);
  return { rows, pagination: { nextToken: more && last ? encodeCursor(last.id, list) : "" } };
}
