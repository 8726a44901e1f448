import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";

/**
 * Messages that are unpacked at the same time. A few kilobytes can unpack to the largest message there may be: many at once
 * would hold that much each, and be decoded one after the other while no other call gets its turn.
 */
const mostAtOnce = 2;
/** Packed messages that may wait for that, in bytes and in number. */
const mostWaiting = { bytes: 64 * 1024 * 1024, messages: 1024 };

/** Lets a few go on at a time, the others in the order in which they came. */
class Unpackings {
  #running = 0;
  #waitingBytes = 0;
  readonly #waiting: (() => void)[] = [];

  async run<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    // Who waited is handed the place of the one that goes.
    if (this.#running === mostAtOnce) await this.#wait(bytes);
    else this.#running += 1;
    try {
      return await work();
    } finally {
      // In a later turn: what was unpacked is decoded in this one.
      setImmediate(() => {
        const next = this.#waiting.shift();
        if (next === undefined) this.#running -= 1;
        else next();
      });
    }
  }

  async #wait(bytes: number): Promise<void> {
    if (this.#waiting.length === mostWaiting.messages || this.#waitingBytes + bytes > mostWaiting.bytes) {
      throw new ConnectError("too many packed messages come at once; try again", Code.ResourceExhausted);
    }
    this.#waitingBytes += bytes;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#waitingBytes -= bytes;
  }
}

const unpackings = new Unpackings();

/** What messages can be packed with, in the order in which it is chosen. */
export const gzip = refusing(compressionGzip);
export const brotli = refusing(compressionBrotli);

/** Connect calls most of what does not unpack an internal error, such as what was cut off: it is the client's. */
function refusing(compression: Compression): Compression {
  return {
    ...compression,
    decompress: (bytes, maxBytes) =>
      unpackings.run(bytes.length, () =>
        compression.decompress(bytes, maxBytes).catch((error: unknown) => {
          throw isTooLarge(error)
            ? new ConnectError(
                `the message is larger than ${maxBytes} bytes once it is unpacked`,
                Code.ResourceExhausted,
              )
            : new ConnectError(`the message cannot be unpacked as ${compression.name}`, Code.InvalidArgument);
        }),
      ),
  };
}

function isTooLarge(error: unknown): boolean {
  const { cause, code } = ConnectError.from(error);
  const isNodes = typeof cause === "object" && cause !== null && "code" in cause;
  return code === Code.ResourceExhausted || (isNodes && cause.code === "ERR_BUFFER_TOO_LARGE");
}
