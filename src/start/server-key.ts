import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import type { Logger } from "pino";
import { systemAttribution } from "../domain/access/attribution.ts";
import { type SecretBox, secretBox } from "../domain/tokens/seal.ts";
import { systemClock } from "../lib/clock.ts";
import type { SealedThing, SealedValue } from "../store/key-store.ts";
import type { Store } from "../store/store.ts";
import {
  type DataDir,
  existingServerKeys,
  ifLost,
  keepServerKey,
  moveServerKeyAside,
  placeServerKey,
  serverKeyFile,
  UnusableServerKeyError,
} from "./data-dir.ts";

/** Tells a key from every other, and nothing about it. */
function digestOfKey(key: Uint8Array): Uint8Array {
  return secretBox(key).digest("server key", new Uint8Array());
}

/**
 * Makes sure that the key of a data folder is the one that encrypts what is kept, and finishes a change of keys that
 * was cut off.
 * @throws UnusableServerKeyError when it is another one
 */
export async function resolveServerKey(
  dataDir: string,
  { serverKey, earlierKey }: DataDir,
  store: Store,
  log: Logger,
): Promise<SecretBox> {
  const keys = earlierKey === null ? [serverKey] : [serverKey, earlierKey];
  const noted = await store.keys.serverKeyDigest();
  if (noted !== null && earlierKey === null) {
    if (!isOneOf(noted, keys)) throw wrongKey(dataDir);
    return secretBox(serverKey);
  }
  const secrets = await store.keys.sealed();
  if (!areKeysOf({ digest: noted, secrets }, keys)) throw wrongKey(dataDir);
  await encryptUnder(store, keys, null);
  const { lost } = unreadable(secrets, keys);
  if (lost > 0)
    log.error({ lost }, "server.key cannot read some secrets: rollcall server-key reset gives them up");
  if (earlierKey !== null) {
    const kept = endChange(dataDir, serverKey, earlierKey);
    log.warn({ kept }, "finished a change of server.key that was cut off");
  }
  return secretBox(serverKey);
}

/**
 * Whether one of the keys is the one that encrypted a store.
 * @param kept what the store noted about its key, which one of an earlier version did not, and what it encrypts
 */
export function areKeysOf(
  kept: { readonly digest: Uint8Array | null; readonly secrets: readonly SealedValue[] },
  keys: readonly Uint8Array[],
): boolean {
  if (kept.digest !== null) return isOneOf(kept.digest, keys);
  const { sealed, lost } = unreadable(kept.secrets, keys);
  return sealed === 0 || lost < sealed;
}

/** What a change of keys did. */
export interface KeyChange {
  /** How many secrets were encrypted anew. */
  readonly secrets: number;
  /** Where the key of before is kept. */
  readonly kept: string;
}

/**
 * Gives a data folder another key, or finishes a change that was cut off. At every moment between, the folder holds
 * each key that something is encrypted under: a start of the server finishes what is left.
 * @param store opened as a server does it, so that no server uses the folder
 * @throws UnusableServerKeyError when the present key is not the right one
 */
export async function rotateServerKey(dataDir: string, store: Store): Promise<KeyChange> {
  const [present, earlier] = existingServerKeys(dataDir);
  const noted = await store.keys.serverKeyDigest();
  if (noted !== null && !isOneOf(noted, earlier ? [present, earlier] : [present])) throw wrongKey(dataDir);
  const [key, before] = earlier === undefined ? [randomBytes(present.length), present] : [present, earlier];
  placeServerKey(dataDir, key, before);
  const secrets = await encryptUnder(store, [key, before], "server_key.rotate");
  return { secrets, kept: endChange(dataDir, key, before) };
}

/** The secrets that a reset would give up. */
export async function secretsLost(dataDir: string, store: Store): Promise<readonly SealedThing[]> {
  const keys = usableKeys(dataDir);
  return (await store.keys.sealed()).filter((thing) => !keys.some((key) => opens(key, thing)));
}

/**
 * Gives up what the key of a data folder cannot read; where there is none, makes one.
 * @returns what was given up, and where a key file that was of no use is kept
 */
export async function resetServerKey(dataDir: string, store: Store) {
  const keys = usableKeys(dataDir);
  const [key = randomBytes(32)] = keys;
  const aside = keys.length === 0 ? moveServerKeyAside(dataDir) : null;
  placeServerKey(dataDir, key, keys[1] ?? null);
  const things = (await store.keys.sealed()).map((thing) => ({
    ...thing,
    next: keys.some((one) => opens(one, thing)) ? thing.sealed : null,
  }));
  await store.keys.reseal(digestOfKey(key), things, await byOperator(store, "reset"));
  return { givenUp: things.filter(({ next }) => next === null), aside };
}

/** How many secrets there are, and how many of them none of the keys opens. */
export function unreadable(
  secrets: readonly SealedValue[],
  keys: readonly Uint8Array[],
): { readonly sealed: number; readonly lost: number } {
  const lost = secrets.filter((secret) => !keys.some((key) => opens(key, secret)));
  return { sealed: secrets.length, lost: lost.length };
}

/** What no key opens stays as it is: it is not worse off than before. */
async function encryptUnder(
  store: Store,
  [key, ...others]: readonly Uint8Array[],
  action: "server_key.rotate" | null,
): Promise<number> {
  if (key === undefined) return 0;
  const box = secretBox(key);
  const things = (await store.keys.sealed()).map((thing) => {
    const { sealed, context } = thing;
    const other = opens(key, thing) ? undefined : others.find((one) => opens(one, thing));
    const next = other === undefined ? sealed : box.seal(secretBox(other).open(sealed, context), context);
    return { ...thing, next };
  });
  await store.keys.reseal(digestOfKey(key), things, action && (await byOperator(store, "rotate")));
  return things.filter(({ sealed, next }) => next !== sealed).length;
}

function endChange(dataDir: string, key: Uint8Array, earlier: Uint8Array): string {
  const kept = keepServerKey(dataDir, earlier);
  placeServerKey(dataDir, key, null);
  return kept;
}

async function byOperator(store: Store, verb: "rotate" | "reset") {
  const first = await store.founding.first();
  if (first === null) return null;
  const attribution = systemAttribution(first.admin.organizationId, "rollcall server-key");
  return { action: `server_key.${verb}`, attribution, now: systemClock.now() };
}

/** The keys of a folder; none when there is no file, or none that holds keys. */
function usableKeys(dataDir: string): readonly Uint8Array[] {
  try {
    return existsSync(serverKeyFile(dataDir)) ? existingServerKeys(dataDir) : [];
  } catch (error) {
    if (error instanceof UnusableServerKeyError) return [];
    throw error;
  }
}

function isOneOf(digest: Uint8Array, keys: readonly Uint8Array[]): boolean {
  return keys.some((key) => Buffer.from(digest).equals(digestOfKey(key)));
}

function opens(key: Uint8Array, { sealed, context }: SealedValue): boolean {
  try {
    secretBox(key).open(sealed, context);
    return true;
  } catch {
    return false;
  }
}

function wrongKey(dataDir: string): UnusableServerKeyError {
  return new UnusableServerKeyError(
    `${serverKeyFile(dataDir)} is not the key of this database; restore the right one from your backup. ${ifLost}`,
  );
}
