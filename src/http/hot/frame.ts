import { compressedFlag } from "@connectrpc/connect/protocol";

/** Bytes before each message of gRPC and gRPC-Web: flags, and the message's length. */
export const frameHead = 5;

/** The message of a body that is exactly one frame, and whether it is compressed; null for any other body. */
export function onlyFrame(body: Buffer): { readonly data: Buffer; readonly compressed: boolean } | null {
  if (body.length < frameHead || body.readUInt32BE(1) !== body.length - frameHead) return null;
  const flags = body.readUInt8(0);
  if (flags !== 0 && flags !== compressedFlag) return null;
  return { data: body.subarray(frameHead), compressed: flags === compressedFlag };
}

/**
 * How long a body that begins like this may become before it is no longer one frame of at most `max` bytes. 0 when
 * its frame is too large already by what it announces.
 */
export function frameLimit(start: Buffer, max: number): number {
  if (start.length < frameHead) return frameHead + max;
  const length = start.readUInt32BE(1);
  return length > max ? 0 : frameHead + length;
}

/** One frame, with room for another of `tail` bytes behind it. */
export function frame(flags: number, data: Uint8Array, tail: number = 0): Buffer {
  const bytes = Buffer.allocUnsafe(frameHead + data.length + tail);
  bytes.writeUInt8(flags, 0);
  bytes.writeUInt32BE(data.length, 1);
  bytes.set(data, frameHead);
  return bytes;
}
