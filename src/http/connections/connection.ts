import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { noCertificate, type ShownCertificate } from "../../domain/tokens/client-certificate.ts";
import type { NodeServerResponse } from "../node-http.ts";
import { destroyLater, rawAnswer } from "./raw-answer.ts";

/** Hears whether the calls of a connection come with a good token. */
export interface TokenListener {
  /** One did. Called once. */
  shown(): void;
  /** One is over, and none has shown a token yet. */
  answeredWithout(): void;
}

/**
 * One accepted connection: knows the calls that run on it, closes it when it has been without any for too long,
 * and takes part in the shutdown.
 */
export class Connection {
  /** As accepted: under TLS the socket that carries the records. */
  readonly socket: Socket;
  readonly #idleTimeoutMs: number;
  /** The answers of HTTP/1.1 that are still to be given. */
  readonly #answers = new Set<NodeServerResponse>();
  #calls = 0;
  #draining = false;
  /** Set while this waits for its first call. */
  #waitingForFirst = true;
  #timer: NodeJS.Timeout | undefined;
  /** Set once HTTP/2 is spoken. */
  #session: ServerHttp2Session | undefined;
  /** Set once HTTP/1.1 is spoken: the socket that HTTP runs on, under TLS the inner one. */
  #http1: Socket | undefined;

  /** Of the other end, as accepted. */
  readonly remoteAddress: string;
  readonly scheme: "http" | "https";
  /** Set once the TLS handshake is done. */
  clientCertificate: ShownCertificate = noCertificate;

  readonly #listener: TokenListener;
  #hasToken = false;

  constructor(socket: Socket, scheme: "http" | "https", idleTimeoutMs: number, listener: TokenListener) {
    this.#listener = listener;
    this.socket = socket;
    this.remoteAddress = socket.remoteAddress ?? "";
    this.scheme = scheme;
    this.#idleTimeoutMs = idleTimeoutMs;
    socket.once("close", () => clearTimeout(this.#timer));
  }

  showedToken(): void {
    if (this.#hasToken) return;
    this.#hasToken = true;
    this.#listener.shown();
  }

  speaksHttp2(session: ServerHttp2Session): void {
    this.#session = session;
    this.#closeWhenIdle();
  }

  /** The first headers must be complete after `headersTimeoutMs`. */
  speaksHttp1(socket: Socket, headersTimeoutMs: number): void {
    this.#http1 = socket;
    this.#after(headersTimeoutMs, () =>
      rawAnswer(socket, 408, "deadline_exceeded", "the request headers took too long"),
    );
  }

  /** @param res the answer to come, where it must be told that it is the last: on HTTP/1.1 */
  callStarted(res?: NodeServerResponse): void {
    this.#calls += 1;
    if (this.#waitingForFirst) this.#closeWhenIdle();
    this.#waitingForFirst = false;
    if (res === undefined) return;
    this.#answers.add(res);
    if (this.#draining) this.#sayLast(res);
  }

  /** How many answers of HTTP/1.1 are still to be given. */
  get answering(): number {
    return this.#answers.size;
  }

  callEnded(res?: NodeServerResponse): void {
    this.#calls -= 1;
    if (res !== undefined) this.#answers.delete(res);
    if (!this.#hasToken) this.#listener.answeredWithout();
    if (this.#calls > 0) return;
    if (this.#draining) this.#closeGracefully();
    // Started once and only moved from then on: there are as many of these as there are calls.
    else this.#timer?.refresh();
  }

  /** Takes no new calls and closes once the running ones have ended: at once when there are none. */
  drain(): void {
    this.#draining = true;
    for (const res of this.#answers) this.#sayLast(res);
    this.#closeGracefully();
  }

  /** Closes now and answers how many calls that cut off. */
  destroy(): number {
    const cut = this.#calls;
    this.#session?.destroy();
    this.socket.destroy();
    return cut;
  }

  /** HTTP/1.1 has no GOAWAY: each answer says that it is the last, while its headers can still say so. */
  #sayLast(res: NodeServerResponse): void {
    if (this.#http1 !== undefined && !res.headersSent) res.setHeader("Connection", "close");
  }

  #closeGracefully(): void {
    if (this.#session !== undefined) {
      // Sends GOAWAY, and closes the socket after the last stream.
      if (!this.#session.closed) this.#session.close();
      if (this.#calls === 0) destroyLater(this.socket);
      return;
    }
    if (this.#calls > 0) return;
    if (this.#http1 === undefined) {
      this.socket.destroy();
      return;
    }
    // A half-open client may never end its side by itself.
    const socket = this.#http1;
    socket.end(() => socket.destroy());
    destroyLater(this.socket);
  }

  #closeWhenIdle(): void {
    this.#after(this.#idleTimeoutMs, () => {
      if (this.#calls === 0) this.#closeGracefully();
    });
  }

  #after(timeoutMs: number, act: () => void): void {
    clearTimeout(this.#timer);
    if (!this.socket.destroyed) this.#timer = setTimeout(act, timeoutMs);
  }
}
