import type { SecretBox } from "../domain/tokens/seal.ts";

/** How many secrets there are, and how many of them the key does not open. */
export function unreadable(
  secrets: readonly Uint8Array[],
  box: SecretBox,
): { readonly sealed: number; readonly lost: number } {
  const lost = secrets.filter((secret) => !opens(box, secret));
  return { sealed: secrets.length, lost: lost.length };
}

function opens(box: SecretBox, secret: Uint8Array): boolean {
  try {
    box.open(secret);
    return true;
  } catch {
    return false;
  }
}
