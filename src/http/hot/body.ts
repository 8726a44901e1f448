import type { Readable } from "node:stream";

/** A body as far as it was read. */
export interface Body {
  readonly chunks: readonly Buffer[];
  /** Whether this is all of it. */
  readonly ended: boolean;
}

/**
 * Reads a body until its end, or until it is longer than what `limit` allows a body that begins with its first
 * chunk. Never settles for a body that breaks off: nobody is left to hear of it, and the call is forgotten with it.
 */
export function readBody(source: Readable, limit: (start: Buffer) => number): Promise<Body> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let most = 0;
    const onData = (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (chunks.length === 1) most = limit(chunk);
      if (length > most) {
        source.off("data", onData);
        source.pause();
        resolve({ chunks, ended: false });
      }
    };
    source.on("data", onData);
    source.on("end", () => resolve({ chunks, ended: true }));
  });
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
