import type { ServerResponse } from "node:http";
import http2, { type ServerHttp2Stream } from "node:http2";
import { rawAnswer } from "./raw-answer.ts";

/**
 * Looks after things that may take only so long. One timer looks at all of them, so that each may have a quarter more
 * than its time: there are as many of them as there are calls.
 */
export class Overdue<T> {
  readonly #timeoutMs: number;
  readonly #judge: (thing: T) => void;
  /** When each is looked at next, by performance.now(). */
  readonly #dueAt = new Map<T, number>();
  #timer: NodeJS.Timeout | undefined;

  /** @param judge hears of what has had its time, and again whenever that passes once more until ended() is called */
  constructor(timeoutMs: number, judge: (thing: T) => void) {
    this.#timeoutMs = timeoutMs;
    this.#judge = judge;
  }

  /** Until ended() is called for it. */
  watch(thing: T): void {
    this.#dueAt.set(thing, performance.now() + this.#timeoutMs);
    this.#timer ??= this.#lookLater();
  }

  ended(thing: T): void {
    this.#dueAt.delete(thing);
  }

  /** What is watched now. */
  watched(): Iterable<T> {
    return this.#dueAt.keys();
  }

  #lookLater(): NodeJS.Timeout {
    return setTimeout(() => this.#look(), Math.ceil(this.#timeoutMs / 4)).unref();
  }

  #look(): void {
    const now = performance.now();
    for (const [thing, dueAt] of this.#dueAt) {
      if (now < dueAt) continue;
      this.#dueAt.set(thing, now + this.#timeoutMs);
      this.#judge(thing);
    }
    this.#timer = this.#dueAt.size === 0 ? undefined : this.#lookLater();
  }
}

/**
 * Cuts off streams of HTTP/2 that hold a place for too long: whose request has not arrived after `timeoutMs`, and whose
 * client opens no window for what is waiting to be sent, for between one and two such times. A bidirectional stream is
 * cut when its client is idle. The other streams of a connection go on.
 */
export function slowStreams(timeoutMs: number): Overdue<ServerHttp2Stream> {
  /** What was waiting to be sent at the last look, in bytes. */
  const waiting = new WeakMap<ServerHttp2Stream, number>();
  return new Overdue(timeoutMs, (stream) => {
    const stuck = stream.writableLength > 0 && stream.writableLength === waiting.get(stream);
    if (stuck || !stream.readableEnded) stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    else waiting.set(stream, stream.writableLength);
  });
}

/**
 * Cuts off requests of HTTP/1.1 whose body has not arrived after `timeoutMs`, with 408 where nothing was answered yet:
 * one that trickles in for ever would hold its connection. And those whose client takes nothing of the answer that
 * waits for it, for between one and two such times. Known by their responses.
 */
export function slowRequests(timeoutMs: number): Overdue<ServerResponse> {
  /** What the client had taken over its connection at the last look, in bytes. */
  const taken = new WeakMap<ServerResponse, number>();
  const slow: Overdue<ServerResponse> = new Overdue(timeoutMs, (res) => {
    const { complete, socket } = res.req;
    if (socket.destroyed) {
      slow.ended(res);
    } else if (!complete) {
      slow.ended(res);
      if (res.headersSent) socket.destroy();
      else rawAnswer(socket, 408, "deadline_exceeded", "the request body took too long");
    } else if (res.socket !== null) {
      // Without a socket it waits behind the answer to an earlier request.
      const soFar = socket.bytesWritten - socket.writableLength;
      if (socket.writableLength > 0 && soFar === taken.get(res)) socket.destroy();
      else taken.set(res, soFar);
    }
  });
  return slow;
}
