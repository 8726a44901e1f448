import http2, { type ServerHttp2Stream } from "node:http2";

/**
 * Cuts off streams of HTTP/2 that hold a place for too long: whose request has not arrived after `timeoutMs`, and whose
 * client opens no window for what is waiting to be sent, for between one and two such times. A bidirectional stream is
 * cut when its client is idle. The other streams of a connection go on. One timer looks at all of them, so that a
 * stream may have a quarter more than its time.
 */
export class SlowStreams {
  readonly #timeoutMs: number;
  /** When each is looked at next, by performance.now(). */
  readonly #dueAt = new Map<ServerHttp2Stream, number>();
  /** What was waiting to be sent at the last look, in bytes. */
  readonly #waiting = new WeakMap<ServerHttp2Stream, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Until ended() is called for it. */
  watch(stream: ServerHttp2Stream): void {
    this.#dueAt.set(stream, performance.now() + this.#timeoutMs);
    this.#timer ??= this.#lookLater();
  }

  ended(stream: ServerHttp2Stream): void {
    this.#dueAt.delete(stream);
  }

  #lookLater(): NodeJS.Timeout {
    return setTimeout(() => this.#look(), Math.ceil(this.#timeoutMs / 4)).unref();
  }

  #look(): void {
    const now = performance.now();
    for (const [stream, dueAt] of this.#dueAt) {
      if (now >= dueAt) this.#judge(stream, now);
    }
    this.#timer = this.#dueAt.size === 0 ? undefined : this.#lookLater();
  }

  #judge(stream: ServerHttp2Stream, now: number): void {
    const stuck = stream.writableLength > 0 && stream.writableLength === this.#waiting.get(stream);
    if (stuck || !stream.readableEnded) {
      stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
      return;
    }
    this.#waiting.set(stream, stream.writableLength);
    this.#dueAt.set(stream, now + this.#timeoutMs);
  }
}
