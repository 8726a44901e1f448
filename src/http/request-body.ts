import type { Readable } from "node:stream";
import { Code, ConnectError } from "@connectrpc/connect";
import type { UnfinishedBodies, UnfinishedBody } from "./unfinished-bodies.ts";

/** Where a body is read from: a request of HTTP/1.1, or a stream of HTTP/2. */
export type BodySource = Readable & { readonly aborted: boolean };

/** What a body may take. */
export interface BodyRoom {
  /** Largest message in bytes, as it was sent. */
  readonly maxBytes: number;
  /** Among whom the body counts while it is not complete. */
  readonly unfinished: UnfinishedBodies;
  /** Bytes that count for it even before it has any: a call that waits is not free. */
  readonly leastBytes: number;
}

/** What the headers of a request say about its body. */
export interface BodyShape {
  /** Whether it is made of frames, as those of gRPC, gRPC-Web and Connect's streams. */
  readonly isFramed: boolean;
  /** The declared length in bytes, where there is one. */
  readonly declaredBytes: number | undefined;
}

/** A body as far as it was read. */
export interface Body {
  readonly bytes: Buffer;
  /** Whether this is all of it. Else it is too large, and the rest is read and dropped. */
  readonly ended: boolean;
}

/** Who waits for a body. */
export interface BodyTaker {
  /** It has ended, or is too large. */
  read(body: Body): void;
  /** `canceled` when it was broken off, `resource_exhausted` when it had to give way. */
  failed(error: unknown): void;
}

/** Bytes before each message of gRPC, gRPC-Web and Connect's streams: flags, and the message's length. */
export const frameHead = 5;
const firstCapacity = 1024;
const nothing: Buffer = Buffer.alloc(0);

/**
 * Reads a body. It is held in one buffer that grows, whatever pieces it comes in: Node makes an object of some hundred
 * bytes of each DATA frame and each chunk, even of one byte. A body that comes in one piece is not copied. Nothing is left
 * waiting inside of Node's stream, where pieces stay pieces: what goes beyond the limit is read and dropped.
 */
export class RequestBody implements UnfinishedBody {
  readonly #source: BodySource;
  readonly #room: BodyRoom;
  readonly #shape: BodyShape;
  readonly #taker: BodyTaker;
  /** Hears of every piece, where a part of the body is of use already. */
  readonly #onPiece: (() => void) | undefined;
  #bytes: Buffer = nothing;
  #length = 0;
  /** Whether `#bytes` is a buffer of our own, which may have room behind `#length`. */
  #isOwn = false;
  #isOver = false;

  constructor(source: BodySource, room: BodyRoom, shape: BodyShape, taker: BodyTaker, onPiece?: () => void) {
    this.#source = source;
    this.#room = room;
    this.#shape = shape;
    this.#taker = taker;
    this.#onPiece = onPiece;
  }

  /** Calls back rather than with a promise: this is in the way of every call. */
  start(): void {
    const source = this.#source;
    // HTTP/2 tells the end of an empty body whether or not it is listened for: while the gate waited, perhaps.
    if (source.readableEnded) {
      this.#onEnd();
      return;
    }
    if (source.destroyed) {
      this.#onClose();
      return;
    }
    source.on("data", this.#onData);
    source.on("end", this.#onEnd);
    source.once("close", this.#onClose);
    this.#hold();
  }

  /** Reads and drops what still comes. */
  stop(): void {
    this.#leave();
    this.#source.resume();
  }

  giveWay(): void {
    this.stop();
    this.#taker.failed(
      new ConnectError(
        "too many requests are incomplete, and this one has waited longest: send it again, all at once",
        Code.ResourceExhausted,
      ),
    );
  }

  /** Takes out the messages that are complete, with their frames. */
  takeFrames(): Buffer {
    const end = this.#framesEnd();
    if (end === 0) return nothing;
    const taken = this.#bytes.subarray(0, end);
    const rest = this.#bytes.subarray(end, this.#length);
    this.#bytes = nothing;
    this.#length = 0;
    this.#isOwn = false;
    if (rest.length > 0) this.#append(rest);
    else this.#hold();
    return taken;
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#length === 0 && this.#isWhole(chunk)) {
      this.#bytes = chunk;
      this.#length = chunk.length;
      this.#isOwn = false;
      this.#hold();
    } else this.#append(chunk);
    if (this.#length > this.#most()) {
      const bytes = this.#taken();
      this.stop();
      this.#taker.read({ bytes, ended: false });
    } else this.#onPiece?.();
  };

  readonly #onEnd = (): void => {
    // From here on closing says nothing: an honest request of HTTP/1.1 closes now, too.
    this.#source.off("close", this.#onClose);
    // HTTP/2 tells of the end before it tells that it was a reset: by the next turn it has.
    if (this.#shape.isFramed && !this.#endsWithFrame()) setImmediate(this.#ended);
    else this.#ended();
  };

  readonly #ended = (): void => {
    if (this.#isOver) return;
    const bytes = this.#taken();
    this.#leave();
    // A stream of HTTP/2 that breaks off ends like any other. A part of a message may well be a message, but not the
    // one that was meant.
    if (this.#source.aborted) this.#taker.failed(brokenOff());
    else this.#taker.read({ bytes, ended: true });
  };

  /** Over HTTP/1.1 a body that breaks off has no end. */
  readonly #onClose = (): void => {
    this.#leave();
    this.#taker.failed(brokenOff());
  };

  #append(chunk: Buffer): void {
    const length = this.#length + chunk.length;
    if (!this.#isOwn || length > this.#bytes.length) {
      const limit = frameHead + this.#room.maxBytes;
      const capacity = Math.max(Math.min(Math.max(2 * length, firstCapacity), limit), length);
      // Not from Node's pool, a part of which would keep all of it.
      const grown = Buffer.allocUnsafeSlow(capacity);
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
      this.#isOwn = true;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
    this.#hold();
  }

  #hold(): void {
    this.#room.unfinished.hold(this, Math.max(this.#bytes.length, this.#room.leastBytes));
  }

  #leave(): void {
    const source = this.#source;
    this.#isOver = true;
    source.off("data", this.#onData);
    source.off("end", this.#onEnd);
    source.off("close", this.#onClose);
    this.#room.unfinished.release(this);
    this.#bytes = nothing;
    this.#length = 0;
    this.#isOwn = false;
  }

  #endsWithFrame(): boolean {
    return this.#length > 0 && this.#framesEnd() === this.#length;
  }

  /** How far complete frames reach. */
  #framesEnd(): number {
    let end = 0;
    while (end + frameHead <= this.#length) {
      const next = end + frameHead + this.#bytes.readUInt32BE(end + 1);
      if (next > this.#length) break;
      end = next;
    }
    return end;
  }

  #taken(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Whether a first piece is as long as all of the body is said to be. Others are copied out of what they are a part of. */
  #isWhole(piece: Buffer): boolean {
    const { isFramed, declaredBytes } = this.#shape;
    if (!isFramed) return piece.length === declaredBytes;
    return piece.length >= frameHead && piece.readUInt32BE(1) === piece.length - frameHead;
  }

  /** How long the body may become. 0 when its frame is too large already by what it announces. */
  #most(): number {
    const { maxBytes } = this.#room;
    if (!this.#shape.isFramed) return maxBytes;
    if (this.#length < frameHead) return frameHead + maxBytes;
    return this.#bytes.readUInt32BE(1) > maxBytes ? 0 : frameHead + maxBytes;
  }
}

/** What came of the request must not be taken for all of it. */
function brokenOff(): ConnectError {
  return new ConnectError("the request was broken off", Code.Canceled);
}

/** What was read, for a reader that takes it from the beginning. @throws ConnectError when there was more than may be */
export async function* asRead({ bytes, ended }: Body): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
  // A reader mostly sees by itself that a body is too large, and has words of its own for it.
  if (!ended)
    throw new ConnectError("the request is larger than its one message may be", Code.ResourceExhausted);
}

/**
 * The body of a request for Connect's readers, which keep every piece that they get: in one piece, or of streams that
 * clients send, in whole messages as they come.
 * @throws ConnectError as {@link BodyTaker} hears it
 */
export async function* bodyOf(
  source: BodySource,
  room: BodyRoom,
  shape: BodyShape,
  isStream: boolean,
): AsyncGenerator<Uint8Array> {
  let read: Body | undefined;
  let failure: { readonly error: unknown } | undefined;
  let wake = () => {};
  const taker: BodyTaker = {
    read(body) {
      read = body;
      wake();
    },
    failed(error) {
      failure = { error };
      wake();
    },
  };
  const body = new RequestBody(source, room, shape, taker, isStream ? () => wake() : undefined);
  body.start();
  try {
    for (;;) {
      if (failure !== undefined) throw failure.error;
      if (read !== undefined) break;
      const frames = isStream ? body.takeFrames() : nothing;
      if (frames.length > 0) yield frames;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
    yield* asRead(read);
  } finally {
    body.stop();
  }
}
