import type { DescMethod } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import type { AuditRecord } from "../../domain/audit/entry.ts";
import { type AuditPage, decodeAuditPage, encodeAuditCursor } from "../../domain/audit/page.ts";
import { decodePage, encodeCursor, type Page } from "../../domain/paging/cursor.ts";
import type { Rows } from "../../store/store.ts";

/** Most of what one page holds, in characters and bytes of its rows: clients of gRPC take answers of up to 4 MiB. */
const pageBytes = 3 * 1024 * 1024;

/** How a list goes on after a row: in what order, and what a page token says of it. */
interface Keyset<Row, P> {
  /** @throws DomainError `invalid` for a token that is damaged or of another list */
  decode(pageSize: number, token: string, list: string): P;
  encode(last: Row, list: string): string;
}

interface PageOfRows<Row> {
  readonly rows: readonly Row[];
  readonly pagination: { nextToken: string };
}

/**
 * Reads the page that a request asks for, of a list in the order of its ids.
 * @param list what the page token is good for: listOf()
 * @throws DomainError `invalid` for a token that is damaged or of another list
 */
export const pageOf = pagedBy<{ readonly id: string }, Page>({
  decode: decodePage,
  encode: ({ id }, list) => encodeCursor(id, list),
});

/** The same of the record, in the order of its times. */
export const auditPageOf = pagedBy<AuditRecord, AuditPage>({
  decode: decodeAuditPage,
  encode: encodeAuditCursor,
});

/**
 * What a page token is good for: the method, and everything that decides which rows there are.
 * @param filter in words, of all that narrows or orders the list; null where nothing can
 */
export function listOf({ method }: Pick<HandlerContext, "method">, filter: string | null = null): string {
  const procedure = procedureOf(method);
  return filter === null ? procedure : `${procedure} ${filter}`;
}

/** `package.Service/Method` */
export function procedureOf({ parent, name }: Pick<DescMethod, "parent" | "name">): string {
  return `${parent.typeName}/${name}`;
}

function pagedBy<Base, P>(keyset: Keyset<Base, P>) {
  return async <Row extends Base>(
    pagination: { readonly pageSize: number; readonly token: string } | undefined,
    list: string,
    read: (page: P) => Promise<Rows<Row>>,
  ): Promise<PageOfRows<Row>> => {
    const page = keyset.decode(pagination?.pageSize ?? 0, pagination?.token ?? "", list);
    const { rows, more } = shrunk(await read(page));
    const last = rows.at(-1);
    return { rows, pagination: { nextToken: more && last ? keyset.encode(last, list) : "" } };
  };
}

/**
 * As many of a page's rows as one answer can carry, and at least one: a list with large rows takes more pages, where
 * it would otherwise be an answer that cannot be sent, and fail for good.
 */
function shrunk<T>({ rows, more }: Rows<T>): Rows<T> {
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
