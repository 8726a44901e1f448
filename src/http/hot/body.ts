import type { Readable } from "node:stream";
import { compressedFlag } from "@connectrpc/connect/protocol";
import { brokenOff } from "../unread-body.ts";

/** A body as far as it was read. */
export interface Body {
  readonly chunks: readonly Buffer[];
  /** Whether this is all of it. */
  readonly ended: boolean;
}

/** Where a body is read from: a request of HTTP/1.1, or a stream of HTTP/2. */
export type BodySource = Readable & { readonly aborted: boolean };

/**
 * Reads a body until its end, or until it is longer than a body may be: than `maxBytes`, or than the one frame that it
 * begins with. Calls back rather than with a promise: this is in the way of every call.
 * @param taker hears `canceled` when it breaks off. Over HTTP/1.1 nobody is called then: nobody is left to hear of it,
 * and the call is forgotten with its request.
 */
export function readBody(
  source: BodySource,
  maxBytes: number,
  isFramed: boolean,
  done: (body: Body) => void,
  taker: { failed(error: unknown): void },
): void {
  const chunks: Buffer[] = [];
  // A stream of HTTP/2 that breaks off ends like any other. A part of a message may well be a message, but not the
  // one that was meant.
  const onEnd = () => {
    if (source.aborted) taker.failed(brokenOff());
    else done({ chunks, ended: true });
  };
  // HTTP/2 tells the end of an empty body whether or not anybody listens: while the gate waited, perhaps.
  if (source.readableEnded) {
    onEnd();
    return;
  }
  let length = 0;
  let most = 0;
  const onData = (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    if (chunks.length === 1) most = isFramed ? frameLimit(chunk, maxBytes) : maxBytes;
    if (length > most) {
      source.off("data", onData);
      source.off("end", onEnd);
      source.pause();
      done({ chunks, ended: false });
    }
  };
  source.on("data", onData);
  source.on("end", onEnd);
}

/** What was read and what is still to come, for a reader that takes it from the beginning. */
export async function* fromStart(body: Body, source: Readable): AsyncGenerator<Uint8Array> {
  yield* body.chunks;
  // Stopping early must leave the request intact: it is still to be answered.
  if (!body.ended) yield* source.iterator({ destroyOnReturn: false });
}

/** The whole of a body that has ended. */
export function joined({ chunks }: Body): Buffer {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}

/** Bytes before each message of gRPC and gRPC-Web: flags, and the message's length. */
const frameHead = 5;

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
function frameLimit(start: Buffer, max: number): number {
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
