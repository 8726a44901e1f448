import { join } from "node:path";
import { expect } from "@jest/globals";
import Database from "better-sqlite3";
import { call, callRunners, type Ledger } from "./load.ts";

/** Compares what a restarted server knows with what was acknowledged before it was killed. */
export async function auditServer(url: string, token: string, ledger: Ledger): Promise<void> {
  for (const [runnerId, { name, maybe }] of ledger.runners) {
    const answer = await callRunners(url, token, "GetRunner", { runnerId });
    if (ledger.deleted.has(runnerId)) {
      expect([runnerId, answer?.status]).toEqual([runnerId, 404]);
      continue;
    }
    if (answer?.status === 404 && ledger.maybeDeleted.has(runnerId)) {
      ledger.deleted.add(runnerId);
      continue;
    }
    expect([runnerId, answer?.status]).toEqual([runnerId, 200]);
    const { name: found } = (answer?.body.runner ?? {}) as { name?: string };
    expect([name, maybe]).toContain(found);
    ledger.runners.set(runnerId, { name: found ?? "" });
  }
  for (const [exchangeToken, { runnerId, accessToken }] of ledger.used) {
    const again = await call(url, "gitpod.v1.IdentityService/ExchangeToken", { exchangeToken });
    expect(again?.status).toBe(401);
    const whoami = await call(
      url,
      "gitpod.v1.IdentityService/GetAuthenticatedIdentity",
      {},
      {
        authorization: `Bearer ${accessToken}`,
      },
    );
    const isGone = ledger.deleted.has(runnerId);
    expect([runnerId, whoami?.status]).toEqual([runnerId, isGone ? 401 : 200]);
  }
}

/** What SQLite itself says of the file, and what no half-done change may leave. The server must be stopped. */
export function auditFile(dataDir: string): void {
  const database = new Database(join(dataDir, "rollcall.db"), { readonly: true });
  try {
    expect(database.pragma("integrity_check", { simple: true })).toBe("ok");
    expect(database.pragma("foreign_key_check")).toEqual([]);
    const count = (sql: string) => database.prepare(sql).pluck().get();
    const without =
      "SELECT count(*) FROM runners WHERE kind <> 3 AND id NOT IN (SELECT runner_id FROM exchange_tokens)";
    expect(count(without)).toBe(0);
    const twice = `SELECT count(*) FROM (SELECT subject_id FROM access_tokens WHERE principal = 3
      GROUP BY subject_id HAVING count(*) > 1)`;
    expect(count(twice)).toBe(0);
    const unclaimed = `SELECT count(*) FROM access_tokens WHERE principal = 3 AND revoked_at IS NULL
      AND id NOT IN (SELECT access_token_id FROM exchange_tokens WHERE used_at IS NOT NULL)`;
    expect(count(unclaimed)).toBe(0);
  } finally {
    database.close();
  }
}
