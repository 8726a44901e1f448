import type { Database } from "better-sqlite3";
import { DomainError } from "../../../domain/errors.ts";
import { boundTo } from "../../../domain/host-tokens/host-token.ts";
import type { ResealedThing, SealedThing } from "../../key-store.ts";
import type { Connection } from "../engine/open.ts";

/** A column whose values the server's key encrypts, with the statements that change one of them. */
interface Place {
  readonly what: SealedThing["what"];
  /** What its values are bound to; absent: nothing. */
  readonly context?: (id: string) => string;
  readonly select: string;
  readonly put: string;
  readonly giveUp: string;
}

const places: readonly Place[] = [
  {
    what: "metrics password",
    select: "SELECT rowid, id, metrics_password AS sealed FROM runners WHERE metrics_password IS NOT NULL",
    put: "UPDATE runners SET metrics_password = @sealed WHERE rowid = @rowid",
    giveUp: "UPDATE runners SET metrics_password = NULL WHERE rowid = @rowid",
  },
  {
    what: "signing key",
    select: "SELECT rowid, id, private_key AS sealed FROM signing_keys",
    put: "UPDATE signing_keys SET private_key = @sealed WHERE rowid = @rowid",
    giveUp: "DELETE FROM signing_keys WHERE rowid = @rowid",
  },
  {
    what: "kept answer",
    select: "SELECT rowid, caller_id AS id, answer AS sealed FROM idempotent_calls",
    // The digest of the request was made with the key of before: nothing can be compared with it any more.
    put: "UPDATE idempotent_calls SET answer = @sealed, request_hash = x'' WHERE rowid = @rowid",
    giveUp: "DELETE FROM idempotent_calls WHERE rowid = @rowid",
  },
  {
    // Ahead of the token, which takes its row along when it is given up.
    what: "refresh token of a host",
    context: (id) => boundTo(id, "refresh_token"),
    select:
      "SELECT rowid, id, refresh_token AS sealed FROM host_authentication_tokens WHERE refresh_token IS NOT NULL",
    put: "UPDATE host_authentication_tokens SET refresh_token = @sealed WHERE rowid = @rowid",
    giveUp: "UPDATE host_authentication_tokens SET refresh_token = NULL WHERE rowid = @rowid",
  },
  {
    what: "host authentication token",
    context: (id) => boundTo(id, "token"),
    select: "SELECT rowid, id, token AS sealed FROM host_authentication_tokens",
    put: "UPDATE host_authentication_tokens SET token = @sealed WHERE rowid = @rowid",
    giveUp: "DELETE FROM host_authentication_tokens WHERE rowid = @rowid",
  },
];

/** Everything that the server's key encrypts. */
export function allSealed(client: Database): readonly SealedThing[] {
  return places.flatMap(({ what, context, select }) =>
    client
      .prepare<[], Row>(select)
      .all()
      .map(({ id, sealed }) => ({ what, id, sealed, context: context?.(id) ?? "" })),
  );
}

interface Row extends Pick<SealedThing, "id" | "sealed"> {
  readonly rowid: number;
}

/** See `KeyStore.reseal`. Runs inside a transaction. */
export function resealAll({ $client: client }: Connection, things: readonly ResealedThing[]): void {
  // Each was sealed with a nonce of its own, so that no two are alike.
  const nexts = new Map(things.map(({ what, sealed, next }) => [nameOf(what, sealed), next]));
  // What is replaced is overwritten, so that it cannot be read with the key of before.
  client.pragma("secure_delete = ON");
  for (const { what, select, put, giveUp } of places) {
    const write = client.prepare(put);
    const remove = client.prepare(giveUp);
    for (const { rowid, sealed } of client.prepare<[], Row>(select).all()) {
      const next = nexts.get(nameOf(what, sealed));
      if (next === undefined)
        throw new DomainError("aborted", `a ${what} was encrypted meanwhile; try again`);
      if (next === null) remove.run({ rowid });
      else if (!Buffer.from(next).equals(sealed)) write.run({ rowid, sealed: next });
    }
  }
  client.pragma("secure_delete = OFF");
}

function nameOf(what: SealedThing["what"], sealed: Uint8Array): string {
  return `${what} ${Buffer.from(sealed).toString("base64")}`;
}
