import type { Clock } from "./clock.ts";
import { randomPool } from "./random-pool.ts";

/** Makes ids. */
export type IdSource = () => string;

const randomBytesOfId = 8;

/**
 * UUIDv7 (RFC 9562) whose order is the order of making, within one process, even when the wall clock steps
 * back: lists page by id, so a later row must never sort before an earlier one. The 12 bits after the
 * timestamp count ids inside one millisecond; a full counter borrows the next millisecond.
 */
export function uuidv7Source(clock: Clock, random?: (bytes: Uint8Array) => Uint8Array): IdSource {
  let millisecond = 0;
  let counter = 0;
  const bytes = Buffer.alloc(16);
  const randomPiece = randomPool(randomBytesOfId, random);
  return () => {
    const now = clock.now();
    if (now > millisecond) {
      millisecond = now;
      counter = 0;
    } else if (++counter > 0xfff) {
      millisecond += 1;
      counter = 0;
    }
    bytes.set(randomPiece(), 8);
    bytes.writeUIntBE(millisecond, 0, 6);
    bytes.writeUInt16BE(0x7000 | counter, 6);
    bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
    const hex = bytes.toString("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  };
}
