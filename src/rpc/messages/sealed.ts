import sodium from "libsodium-wrappers";
import { DomainError } from "../../domain/errors.ts";

await sodium.ready;

/**
 * Seals a secret so that only the runner can read it: a libsodium sealed box to its X25519 key. An empty secret
 * stays empty, which clears it.
 * @throws DomainError `failed_precondition`, with a text that clients match exactly.
 */
export function sealForRunner(
  publicKey: Uint8Array,
  plaintext: string,
): { sealed: Uint8Array; sealedTo: Uint8Array } {
  if (plaintext === "") return { sealed: new Uint8Array(), sealedTo: publicKey };
  if (publicKey.length === 0) {
    throw new DomainError("failed_precondition", "runner does not have a public key", {
      reason: "NO_PUBLIC_KEY",
    });
  }
  try {
    return { sealed: sodium.crypto_box_seal(plaintext, publicKey), sealedTo: publicKey };
  } catch {
    // Some 32-byte strings are points of low order: everybody could open what is sealed to them.
    throw new DomainError("failed_precondition", "the runner's public key cannot be sealed to", {
      reason: "BAD_PUBLIC_KEY",
    });
  }
}
