import Database from "better-sqlite3";
import { Principal } from "../../src/domain/access/principal.ts";
import { mintToken, type TokenKind } from "../../src/domain/tokens/token.ts";
import { databaseFile } from "../../src/start/data-dir.ts";
import { openStore } from "../../src/start/open-store.ts";
import type { NewAccessToken, Store } from "../../src/store/store.ts";
import { byUser, foundingOf, newId } from "./records.ts";

/** The stores of the servers that tests run in this process, by data folder: each has its only writer. */
export const servedStores = new Map<string, Store>();

/** Works on the store of a test's server, for what no procedure offers; on the file, when none runs. */
export async function besideServer<T>(dataDir: string, work: (store: Store) => Promise<T>): Promise<T> {
  const served = servedStores.get(dataDir);
  if (served !== undefined) return work(served);
  const store = openStore(databaseFile(dataDir), "tool");
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Makes another organisation with an admin of its own; resolves to ids and the admin's token. */
export async function addOrganization(dataDir: string) {
  const { secret, hash } = mintToken("personal");
  const founding = foundingOf(hash);
  await besideServer(dataDir, (store) => store.founding.found(founding));
  return { id: founding.organization.id, adminId: founding.admin.id, token: secret };
}

/** Adds a token for a subject; resolves to its secret. */
export async function addToken(
  dataDir: string,
  token: Pick<NewAccessToken, "organizationId" | "subjectId"> & Partial<NewAccessToken>,
  kind: TokenKind = "personal",
): Promise<{ id: string; secret: string }> {
  const { secret, hash } = mintToken(kind);
  const id = newId();
  await besideServer(dataDir, (store) =>
    store.tokens.addAccessToken({
      id,
      hash,
      principal: Principal.USER,
      description: "test",
      readOnly: false,
      by: byUser(token.subjectId, token.organizationId),
      createdAt: 0,
      expiresAt: null,
      ...token,
    }),
  );
  return { id, secret };
}

/** A runner manager, which nothing in the server makes yet; resolves to its id. */
export function addRunnerManager(file: string, organizationId: string): string {
  const database = new Database(file, { timeout: 300_000 });
  try {
    const id = newId();
    database
      .prepare("INSERT INTO runner_managers (id, organization_id, name, created_at) VALUES (?, ?, ?, ?)")
      .run(id, organizationId, "manager", 0);
    return id;
  } finally {
    database.close();
  }
}
