import net from "node:net";
import type { Reply } from "./h2-connection.ts";
import type { Fields } from "./hpack.ts";

const empty = Buffer.alloc(0);
const headEnd = Buffer.from("\r\n\r\n", "latin1");

/** One HTTP/1.1 connection of a load generator: one call at a time. */
export class H1Connection {
  readonly #socket: net.Socket;
  readonly #head: string;
  #rest: Buffer = empty;
  #done: ((reply: Reply) => void) | undefined;

  constructor(to: { readonly host: string; readonly port: number }, path: string, fields: Fields) {
    const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    this.#head = `POST ${path} HTTP/1.1\r\nhost: ${to.host}:${to.port}\r\n${lines}`;
    this.#socket = net.connect({ ...to, noDelay: true });
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#socket.on("error", () => this.#end({ ok: false, data: empty }));
    this.#socket.on("close", () => this.#end({ ok: false, data: empty }));
  }

  /** `done` is called once, later; there must be no other call under way. */
  call(body: Buffer, done: (reply: Reply) => void): void {
    this.#done = done;
    if (this.#socket.destroyed) {
      setImmediate(() => this.#end({ ok: false, data: empty }));
      return;
    }
    const head = Buffer.from(`${this.#head}content-length: ${body.length}\r\n\r\n`, "latin1");
    this.#socket.write(Buffer.concat([head, body]));
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = bytes;
    const at = bytes.indexOf(headEnd);
    if (at < 0) return;
    const head = bytes.toString("latin1", 0, at);
    const body = bytes.subarray(at + headEnd.length);
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    const data = length === undefined ? unchunked(body) : body.length < Number(length) ? null : body;
    if (data === null) return;
    this.#rest = empty;
    this.#end({ ok: head.startsWith("HTTP/1.1 200 "), data });
  }

  #end(reply: Reply): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(reply);
  }
}

/** A body in chunks (RFC 9112, section 7.1), without trailers; null while its end is missing. */
function unchunked(body: Buffer): Buffer | null {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = body.indexOf("\r\n", at);
    if (line < 0) return null;
    const length = Number.parseInt(body.toString("latin1", at, line), 16);
    if (length === 0) return body.length < line + 4 ? null : Buffer.concat(chunks);
    chunks.push(body.subarray(line + 2, line + 2 + length));
    at = line + 2 + length + 2;
    if (at > body.length) return null;
  }
}
