import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";

const version = 1;
const nonceLength = 12;
const tagLength = 16;

/** Encrypts what the server must be able to give back later, under the server key. */
export interface SecretBox {
  /**
   * @param context what the value belongs to (associated data): it opens with the same one alone
   * @returns version byte, 12-byte nonce, ciphertext, 16-byte tag (AES-256-GCM).
   */
  seal(plaintext: Uint8Array, context?: string): Uint8Array;
  /** @throws Error when the box was made under another key or for another context, or was damaged. */
  open(sealed: Uint8Array, context?: string): Uint8Array;
  /**
   * Tells data apart without giving it away: without the server key a guess cannot be tested against it.
   * @param purpose keeps the digests of one use from meaning anything to another
   * @returns 32 bytes (HMAC-SHA256 under a key derived from the server key)
   */
  digest(purpose: string, data: Uint8Array): Uint8Array;
}

/** @param key 32 bytes. */
export function secretBox(key: Uint8Array): SecretBox {
  return {
    seal(plaintext, context = "") {
      const nonce = randomBytes(nonceLength);
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      cipher.setAAD(Buffer.from(context));
      const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
      return Buffer.concat([Buffer.of(version), nonce, ciphertext, cipher.getAuthTag()]);
    },
    open(sealed, context = "") {
      if (sealed[0] !== version || sealed.length < 1 + nonceLength + tagLength) {
        throw new Error("a sealed value has an unknown shape");
      }
      const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(1, 1 + nonceLength));
      decipher.setAAD(Buffer.from(context));
      decipher.setAuthTag(sealed.subarray(-tagLength));
      return Buffer.concat([decipher.update(sealed.subarray(1 + nonceLength, -tagLength)), decipher.final()]);
    },
    digest(purpose, data) {
      const derived = hkdfSync("sha256", key, "", `rollcall digest: ${purpose}`, 32);
      return createHmac("sha256", Buffer.from(derived)).update(data).digest();
    },
  };
}
