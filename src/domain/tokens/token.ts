import { hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { randomPool } from "../../lib/random-pool.ts";

/** What a token is for, told by its prefix so that people and secret scanners can tell them apart. */
export const tokenPrefixes = {
  personal: "rcpat",
  serviceAccount: "rcsat",
  runner: "rcrun",
  exchange: "rcexc",
} as const;
export type TokenKind = keyof typeof tokenPrefixes;

/** A fresh token: the secret goes to its owner once, only the hash is kept. */
export interface MintedToken {
  readonly secret: string;
  readonly hash: Uint8Array;
}

const secretLength = 43; // base62 digits that hold 256 bits
const checksumLength = 6; // base62 digits that hold 32 bits

const randomBits = randomPool(32);

/** Mints `<prefix>_<256 random bits><CRC-32 of all before it>`, in base62. */
export function mintToken(kind: TokenKind, random: () => Uint8Array = randomBits): MintedToken {
  const bits = BigInt(`0x${Buffer.from(random()).toString("hex")}`);
  const body = `${tokenPrefixes[kind]}_${base62(bits, secretLength)}`;
  const secret = body + checksum(body);
  return { secret, hash: hashToken(secret) };
}

/** SHA-256: enough for secrets of 256 random bits, and fast enough for every call. */
export function hashToken(secret: string): Uint8Array {
  return hash("sha256", secret, "buffer");
}

/** The kind of a token of ours whose checksum holds, else null. Operators may also choose tokens of their own. */
export function tokenKind(secret: string): TokenKind | null {
  for (const kind of Object.keys(tokenPrefixes) as TokenKind[]) {
    const prefix = `${tokenPrefixes[kind]}_`;
    if (!secret.startsWith(prefix)) continue;
    const body = secret.slice(0, -checksumLength);
    const whole = secret.length === prefix.length + secretLength + checksumLength;
    return whole && checksum(body) === secret.slice(-checksumLength) ? kind : null;
  }
  return null;
}

function checksum(body: string): string {
  return base62(BigInt(crc32(body)), checksumLength);
}

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** So many digits fit into a safe integer, whose arithmetic is many times faster than that of a bigint. */
const digitsOfChunk = 8;
const chunk = 62n ** BigInt(digitsOfChunk);

function base62(value: bigint, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest /= chunk) {
    text = chunkText(Number(rest % chunk), Math.min(digitsOfChunk, length - text.length)) + text;
  }
  return text;
}

function chunkText(value: number, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest = Math.floor(rest / 62))
    text = digits.charAt(rest % 62) + text;
  return text;
}
