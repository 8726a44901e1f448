import { once } from "node:events";
import net from "node:net";

/** A TCP client that keeps everything it receives. */
export class RawClient implements AsyncDisposable {
  readonly socket: net.Socket;
  readonly closed: Promise<string>;
  #received = "";
  readonly #waiting: { text: string; resolve: () => void }[] = [];

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      this.#received += chunk.toString("latin1");
      for (const waiter of this.#waiting) if (this.#received.includes(waiter.text)) waiter.resolve();
    });
    this.closed = new Promise((resolve) => socket.once("close", () => resolve(this.#received)));
  }

  static async connect(port: number, options: { allowHalfOpen?: boolean } = {}): Promise<RawClient> {
    const socket = net.connect({ port, host: "127.0.0.1", ...options });
    await once(socket, "connect");
    return new RawClient(socket);
  }

  send(data: string | Uint8Array): void {
    this.socket.write(data);
  }

  /** Resolves once this text was received, and gives everything received so far. */
  async until(text: string): Promise<string> {
    if (!this.#received.includes(text)) {
      await new Promise<void>((resolve) => this.#waiting.push({ text, resolve }));
    }
    return this.#received;
  }

  /** Resolves with everything received so far, once there is more of it. */
  async more(): Promise<string> {
    await once(this.socket, "data");
    return this.#received;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }
}

/** Frame types of HTTP/2 that the tests look for (RFC 9113, section 6). */
export const frameType = { data: 0, headers: 1, rstStream: 3, settings: 4, goaway: 7 } as const;

/** One frame as it was received. */
export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** Takes apart what an HTTP/2 server sent. */
export function frames(received: string): ReceivedFrame[] {
  const bytes = Buffer.from(received, "latin1");
  const all: ReceivedFrame[] = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    all.push({
      type: bytes.readUInt8(at + 3),
      flags: bytes.readUInt8(at + 4),
      stream: bytes.readUInt32BE(at + 5) & 0x7fffffff,
      payload: bytes.subarray(at + 9, at + 9 + length),
    });
    at += 9 + length;
  }
  return all;
}

/** What an HTTP/2 client says first: the preface and empty settings. */
export const http2Opening = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1"),
  Buffer.from([0, 0, 0, frameType.settings, 0, 0, 0, 0, 0]),
]);
