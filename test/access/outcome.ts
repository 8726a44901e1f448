import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { TestServer } from "../support/server.ts";

/** What somebody gets to hear: a cell of docs/access.md, or something that no cell says. */
export type Outcome = string;

const refusals: ReadonlyMap<Code, Outcome> = new Map([
  [Code.PermissionDenied, "no"],
  [Code.NotFound, "not visible"],
  [Code.Unauthenticated, "unauthenticated"],
  [Code.Unimplemented, "unimplemented"],
]);

/**
 * Calls a method; a stream counts as allowed once it brings something, and is left then.
 * @param stir makes something happen that every watcher hears of.
 */
export async function outcome(
  server: TestServer,
  method: DescMethod,
  request: object,
  token: string | null,
  stir: () => Promise<void>,
): Promise<Outcome> {
  const client = server.client(method.parent, { token }) as Record<string, (...args: unknown[]) => unknown>;
  const leaving = new AbortController();
  try {
    const answer = client[method.localName]?.(request, { signal: leaving.signal });
    if (method.methodKind === "server_streaming") {
      await firstMessage(answer as AsyncIterable<unknown>, stir);
      leaving.abort();
    } else {
      await answer;
    }
    return "yes";
  } catch (error) {
    const { code, message } = ConnectError.from(error);
    return refusals.get(code) ?? message;
  }
}

/**
 * Resolves once a stream brings something, rejects when it is refused.
 * @param stir as for {@link outcome}
 */
export async function firstMessage(stream: AsyncIterable<unknown>, stir: () => Promise<void>): Promise<void> {
  let heard = false;
  const first = stream[Symbol.asyncIterator]()
    .next()
    .finally(() => {
      heard = true;
    });
  first.catch(() => undefined);
  // A watch begins at some moment after it was asked for, so one change may come too early for it.
  while (!heard) await stir();
  await first;
}
