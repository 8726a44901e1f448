import { compressedFlag } from "@connectrpc/connect/protocol";
import { frameHead } from "../request-body.ts";

/** The message of a body that is exactly one frame, and whether it is compressed; null for any other body. */
export function onlyFrame(body: Buffer): { readonly data: Buffer; readonly compressed: boolean } | null {
  if (body.length < frameHead || body.readUInt32BE(1) !== body.length - frameHead) return null;
  const flags = body.readUInt8(0);
  if (flags !== 0 && flags !== compressedFlag) return null;
  return { data: body.subarray(frameHead), compressed: flags === compressedFlag };
}

/** One frame, with room for another of `tail` bytes behind it. */
export function frame(flags: number, data: Uint8Array, tail: number = 0): Buffer {
  const bytes = Buffer.allocUnsafe(frameHead + data.length + tail);
  bytes.writeUInt8(flags, 0);
  bytes.writeUInt32BE(data.length, 1);
  bytes.set(data, frameHead);
  return bytes;
}
