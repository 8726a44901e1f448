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
