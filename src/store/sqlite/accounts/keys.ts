import { desc, inArray, isNull, sql } from "drizzle-orm";
import { AuditKind, ResourceType } from "../../../domain/access/resources.ts";
import type { SigningKey } from "../../../domain/keys/signing-key.ts";
import type { KeyStore } from "../../key-store.ts";
import type { Commits } from "../engine/commit-queue.ts";
import type { Connection } from "../engine/open.ts";
import { allSealed, resealAll } from "../files/sealed.ts";
import type { Journal } from "../journal/journal.ts";
import type { HostTokenEnder } from "../runners/host-token-ender.ts";
import { serverKey, signingKeys } from "../schema.ts";

export function keyStore(
  connection: Connection,
  commits: Commits,
  journal: Journal,
  endedTokens: Pick<HostTokenEnder, "one">,
): KeyStore {
  const all = connection.select().from(signingKeys).orderBy(desc(signingKeys.activeFrom)).prepare();
  const retire = connection
    .update(signingKeys)
    .set({ retiredAt: sql`max(${signingKeys.activeFrom}, ${sql.placeholder("at")})` })
    .where(isNull(signingKeys.retiredAt))
    .prepare();

  function drop(ids: readonly string[]): void {
    if (ids.length > 0)
      connection
        .delete(signingKeys)
        .where(inArray(signingKeys.id, [...ids]))
        .run();
  }

  return {
    async serverKeyDigest() {
      return connection.select().from(serverKey).get()?.digest ?? null;
    },
    async sealed() {
      return allSealed(connection.$client);
    },
    reseal: (digest, things, by) =>
      commits.run(() => {
        const lost = things.filter(({ what, next }) => what === "host authentication token" && next === null);
        // Gone as any other is, and told so.
        if (by !== null) for (const { id } of lost) endedTokens.one(id, "rollcall server-key", by.now);
        resealAll(connection, things);
        connection.delete(serverKey).run();
        connection
          .insert(serverKey)
          .values({ digest: Buffer.from(digest) })
          .run();
        if (by !== null) {
          const { action, attribution, now } = by;
          journal.audit({
            by: attribution,
            now,
            action,
            subjectType: ResourceType.ORGANIZATION,
            subjectId: attribution.organizationId,
            kind: AuditKind.RESOURCE_CHANGE,
          });
        }
      }),
    async all() {
      return all.all().map(fromRow);
    },
    rotate: (key, dropped, by) =>
      commits.run(() => {
        drop(dropped);
        retire.run({ at: key.activeFrom });
        connection.insert(signingKeys).values(toRow(key)).run();
        if (by === null) return;
        journal.audit({
          by,
          now: key.createdAt,
          action: dropped.length > 0 ? "signing_key.replace_compromised" : "signing_key.rotate",
          subjectType: ResourceType.UNSPECIFIED,
          subjectId: key.id,
          kind: AuditKind.RESOURCE_CHANGE,
        });
      }),
    forget: (ids) => commits.run(() => drop(ids)),
    recordIssues: (tokens) =>
      commits.run(() => {
        for (const token of tokens) journal.audit({ ...token, kind: AuditKind.CREDENTIAL_ACCESS });
      }),
  };
}

function toRow({ publicJwk, sealedPrivateKey, ...key }: SigningKey): typeof signingKeys.$inferInsert {
  return { ...key, publicJwk: JSON.stringify(publicJwk), privateKey: Buffer.from(sealedPrivateKey) };
}

function fromRow({ publicJwk, privateKey, ...row }: typeof signingKeys.$inferSelect): SigningKey {
  return { ...row, publicJwk: JSON.parse(publicJwk), sealedPrivateKey: privateKey };
}
