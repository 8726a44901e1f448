import { createHash, randomUUID } from "node:crypto";
import type { StateFiles } from "./state-files.ts";
import { unusable } from "./state-files.ts";

/** Where the access token is kept. */
const credentialFile = "credential.json";
/** Where an exchange that has begun is noted, until its answer is on the disk. */
export const exchangeFile = "exchange.json";

/** What an exchange brought. */
export interface Credential {
  readonly accessToken: string;
  /** SHA-256 in hexadecimal, so that a new token in the token file is noticed without keeping the old one. */
  readonly exchangeTokenHash: string;
  /** Whom the access token belongs to; empty while the server has not said it. */
  readonly runnerId: string;
}

export function hashOf(exchangeToken: string): string {
  return createHash("sha256").update(exchangeToken).digest("hex");
}

/** The stored credential, or null before the first exchange. @throws AgentEndError STATE_UNUSABLE when damaged */
export function readCredential(files: StateFiles): Credential | null {
  const text = files.read(credentialFile);
  if (text === null) return null;
  const { accessToken, exchangeTokenHash, runnerId } = parse(text);
  if (!isToken(accessToken) || !isHash(exchangeTokenHash) || typeof runnerId !== "string") {
    const why = "it is damaged; restore it, or remove it and start with a new exchange token";
    throw unusable(files.path(credentialFile), why);
  }
  return { accessToken, exchangeTokenHash, runnerId };
}

export function writeCredential(files: StateFiles, credential: Credential): void {
  files.write(credentialFile, `${JSON.stringify(credential, null, 2)}\n`);
}

/**
 * The Idempotency-Key for exchanging this token. It is on the disk before the first try, so that a process that
 * died between the answer and saving it can ask for the same answer again. A damaged note is replaced: the key in
 * it is lost anyhow.
 */
export function exchangeKey(files: StateFiles, exchangeTokenHash: string): string {
  const noted = parse(files.read(exchangeFile) ?? "");
  if (noted.exchangeTokenHash === exchangeTokenHash && isKey(noted.idempotencyKey))
    return noted.idempotencyKey;
  const idempotencyKey = randomUUID();
  files.write(exchangeFile, `${JSON.stringify({ exchangeTokenHash, idempotencyKey }, null, 2)}\n`);
  return idempotencyKey;
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** What fits into a header after `Bearer `. */
export function isToken(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]{1,4096}$/.test(value);
}

function isHash(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

function isKey(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]{1,255}$/.test(value);
}
