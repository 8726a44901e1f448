import { readFileSync } from "node:fs";
import type { Logger } from "pino";
import { type Config, ConfigError } from "../config/config.ts";
import { isUsableToken } from "../config/groups/common.ts";
import { type Attribution, systemAttribution } from "../domain/access/attribution.ts";
import { Principal } from "../domain/access/principal.ts";
import { draftOrganization } from "../domain/organizations/founding.ts";
import { hashToken, mintToken } from "../domain/tokens/token.ts";
import type { Clock } from "../lib/clock.ts";
import { writeSecretFile } from "../lib/files.ts";
import type { IdSource } from "../lib/ids.ts";
import type { NewAccessToken, NewUser, Store } from "../store/store.ts";
import type { DataDir } from "./data-dir.ts";

/** Marks the token that the environment or a file sets, so that the next start can replace it. */
const operatorTokenName = "set by the operator";

interface Deps {
  readonly config: Config;
  readonly files: DataDir;
  readonly store: Store;
  readonly clock: Clock;
  readonly newId: IdSource;
  readonly log: Logger;
}

/**
 * Makes sure that there is an organisation with an admin who has a token.
 * @returns the admin's token when this start minted it: the only time that it can be shown.
 */
export async function ensureFounded(deps: Deps): Promise<string | null> {
  const chosen = operatorToken(deps.config);
  const first = await deps.store.founding.first();
  if (first !== null) {
    if (chosen !== null) await replaceOperatorToken(deps, first.admin, chosen);
    return null;
  }
  return found(deps, chosen);
}

async function found({ files, store, clock, newId }: Deps, chosen: string | null): Promise<string | null> {
  const now = clock.now();
  const named = { name: "default", adminName: "admin", adminEmail: "admin@localhost" };
  const drafted = draftOrganization(named, newId, now);
  const minted = chosen === null ? mintToken("personal").secret : null;
  // Written first: a token in a file without an account does no harm, an account whose token is lost does.
  if (minted !== null && files.adminTokenFile !== null) {
    writeSecretFile(files.adminTokenFile, `${minted}\n`, "replace");
  }
  const secret = chosen ?? minted ?? "";
  const name = chosen === null ? "minted on the first start" : operatorTokenName;
  await store.founding.found({
    ...drafted,
    token: adminToken(drafted.admin, { secret, name, id: newId(), now }),
  });
  return minted;
}

/** Another token in the environment than last time means that the operator rotates it. */
async function replaceOperatorToken(
  { store, clock, newId, log }: Deps,
  admin: NewUser,
  secret: string,
): Promise<void> {
  const now = clock.now();
  const known = await store.tokens.findAccessToken(hashToken(secret));
  if (known !== null && known.revokedAt === null) return;
  if (known !== null) {
    log.warn("the admin token that is set was revoked and stays so; set another one to get in with it");
    return;
  }
  for (const token of await store.tokens.listAccessTokens(admin.organizationId)) {
    const replaced = token.description === operatorTokenName && token.revokedAt === null;
    if (replaced) await store.tokens.revokeAccessToken(atStart(admin), token.id, now);
  }
  await store.tokens.addAccessToken(adminToken(admin, { secret, name: operatorTokenName, id: newId(), now }));
}

function adminToken(
  admin: NewUser,
  token: { secret: string; name: string; id: string; now: number },
): NewAccessToken {
  return {
    id: token.id,
    organizationId: admin.organizationId,
    hash: hashToken(token.secret),
    subjectId: admin.id,
    principal: Principal.USER,
    description: token.name,
    readOnly: false,
    by: atStart(admin),
    createdAt: token.now,
    expiresAt: null,
  };
}

/** No caller did it: the settings, or their absence, made the server do it. */
function atStart({ organizationId }: NewUser): Attribution {
  return systemAttribution(organizationId, "rollcall serve");
}

function operatorToken({ adminToken, adminTokenFile }: Config): string | null {
  if (adminTokenFile === null) return adminToken;
  const token = readFileSync(adminTokenFile, "utf8").trim();
  if (!isUsableToken(token)) {
    throw new ConfigError(`${adminTokenFile} must hold 8 or more printable ASCII characters without blanks`);
  }
  return token;
}
