// Control characters in a status message could redraw an operator's terminal or forge log lines. Line feed
// and tab are harmless where messages are shown. Bidirectional overrides can reorder what is read.
const UNWANTED = /(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu;

/**
 * A runner's message as it may be shown: what could deceive a reader is replaced with U+FFFD.
 * @returns the text, and how many characters were replaced
 */
export function cleanText(text: string): { readonly text: string; readonly replaced: number } {
  let replaced = 0;
  const cleaned = text.replace(UNWANTED, () => {
    replaced += 1;
    return "\ufffd";
  });
  return { text: cleaned, replaced };
}

/** The line for `RenewRegistrationResponse.notices`, or null when nothing was replaced. */
export function cleanNotice(field: string, replaced: number): string | null {
  if (replaced === 0) return null;
  return `${field}: ${replaced} control character${replaced === 1 ? " was" : "s were"} replaced`;
}

/**
 * A 53-bit digest of a status report's bytes, never 0, to tell "the same report again" from news without
 * keeping the report in memory: applying a report twice changes nothing, so a repeated one needs no write.
 * It guards against waste, not against malice: a runner that found a collision would only mislead about itself.
 */
export function reportDigest(bytes: Uint8Array): number {
  let low = 0x9e3779b9;
  let high = 0x41c6ce57;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    low = Math.imul(low ^ byte, 0x9e3779b1);
    high = Math.imul(high ^ byte, 0x5f356495);
  }
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0) || 1;
}
