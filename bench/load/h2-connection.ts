import net from "node:net";
import type { HeaderBlocks } from "./hpack.ts";

/** How a call ended: `data` holds the last DATA frame's payload, empty when there was none. */
export interface Reply {
  /** False for another status than 200, a reset stream, and a connection that broke. */
  readonly ok: boolean;
  readonly data: Buffer;
}

/** Frame types and flags (RFC 9113, section 6). */
const type = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
} as const;
const flag = { END_STREAM: 1, ACK: 1, END_HEADERS: 4 } as const;
const frameHead = 9;

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const largestWindow = 2 ** 31 - 1;
const defaultWindow = 65_535;
/** After so many bytes the peer is given as many again. */
const refillBytes = 2 ** 29;
/** Status 200 in HPACK: the first byte of a block, unless a change of the table's size comes before it. */
const status200 = 0x88;

const empty = Buffer.alloc(0);

interface Pending {
  readonly done: (reply: Reply) => void;
  ok: boolean;
  data: Buffer;
}

/**
 * One HTTP/2 connection of a load generator: frames by hand, a twentieth of the cost of a general client. It knows just
 * enough for unary calls with small messages to an honest server: requests of one connection have the same headers, a
 * request's body must not exceed what the peer's window takes at once (the calls in flight, together under 32 KiB).
 */
export class H2Connection {
  readonly #socket: net.Socket;
  readonly #blocks: HeaderBlocks;
  readonly #pending = new Map<number, Pending>();
  readonly #onBroken: (reason: string) => void;
  #out: Buffer[] = [];
  #rest: Buffer = empty;
  #nextStream = 1;
  #received = 0;
  #broken = false;

  /** @param onBroken told once, when the connection is over without having been closed here */
  constructor(
    to: { readonly host: string; readonly port: number },
    blocks: HeaderBlocks,
    onBroken: (reason: string) => void = () => {},
  ) {
    this.#blocks = blocks;
    this.#onBroken = onBroken;
    this.#socket = net.connect({ ...to, noDelay: true });
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#socket.on("error", (error) => this.#break(error.message));
    this.#socket.on("close", () => this.#break("closed"));
    const settings = Buffer.alloc(12);
    settings.writeUInt16BE(2, 0); // SETTINGS_ENABLE_PUSH: 0
    settings.writeUInt16BE(4, 6); // SETTINGS_INITIAL_WINDOW_SIZE
    settings.writeUInt32BE(largestWindow, 8);
    this.#send(preface, frame(type.SETTINGS, 0, 0, settings), windowUpdate(largestWindow - defaultWindow));
  }

  /** @param body the DATA frame's payload; `done` is called once, later */
  call(body: Buffer, done: (reply: Reply) => void): void {
    if (this.#broken) {
      setImmediate(done, { ok: false, data: empty });
      return;
    }
    const stream = this.#nextStream;
    this.#nextStream += 2;
    this.#pending.set(stream, { done, ok: false, data: empty });
    const block = stream === 1 ? this.#blocks.first : this.#blocks.later;
    const bytes = Buffer.allocUnsafe(2 * frameHead + block.length + body.length);
    writeHead(bytes, 0, block.length, type.HEADERS, flag.END_HEADERS, stream);
    block.copy(bytes, frameHead);
    writeHead(bytes, frameHead + block.length, body.length, type.DATA, flag.END_STREAM, stream);
    body.copy(bytes, 2 * frameHead + block.length);
    this.#send(bytes);
  }

  close(): void {
    this.#broken = true;
    this.#socket.destroy();
    this.#failPending();
  }

  /** What is said in one turn of the event loop goes out in one write. */
  #send(...bytes: Buffer[]): void {
    if (this.#out.length === 0) setImmediate(() => this.#flush());
    this.#out.push(...bytes);
  }

  #flush(): void {
    const out = this.#out;
    this.#out = [];
    if (!this.#socket.destroyed)
      this.#socket.write(out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out));
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= frameHead) {
      const end = at + frameHead + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const payload = bytes.subarray(at + frameHead, end);
      this.#frame(bytes[at + 3] as number, bytes[at + 4] as number, bytes.readUInt32BE(at + 5), payload);
      at = end;
    }
    this.#rest = at === bytes.length ? empty : bytes.subarray(at);
  }

  #frame(kind: number, flags: number, stream: number, payload: Buffer): void {
    switch (kind) {
      case type.DATA: {
        this.#refill(payload.length);
        const call = this.#pending.get(stream);
        if (call !== undefined && payload.length > 0) {
          call.data = call.data.length === 0 ? payload : Buffer.concat([call.data, payload]);
        }
        if (flags & flag.END_STREAM) this.#end(stream);
        return;
      }
      case type.HEADERS: {
        const call = this.#pending.get(stream);
        if (call !== undefined && !call.ok) call.ok = statusOf(payload) === status200;
        if (flags & flag.END_STREAM) this.#end(stream);
        return;
      }
      case type.RST_STREAM: {
        const call = this.#pending.get(stream);
        if (call !== undefined) call.ok = false;
        this.#end(stream);
        return;
      }
      case type.SETTINGS:
        if (!(flags & flag.ACK)) this.#send(frame(type.SETTINGS, flag.ACK, 0, empty));
        return;
      case type.PING:
        if (!(flags & flag.ACK)) this.#send(frame(type.PING, flag.ACK, 0, payload));
        return;
      case type.GOAWAY:
        this.#break(`GOAWAY with code ${payload.readUInt32BE(4)}`);
        return;
      default:
    }
  }

  #end(stream: number): void {
    const call = this.#pending.get(stream);
    this.#pending.delete(stream);
    call?.done(call);
  }

  #refill(bytes: number): void {
    this.#received += bytes;
    if (this.#received < refillBytes) return;
    this.#send(windowUpdate(this.#received));
    this.#received = 0;
  }

  #break(reason: string): void {
    if (this.#broken) return;
    this.close();
    this.#onBroken(reason);
  }

  #failPending(): void {
    for (const { done } of this.#pending.values()) done({ ok: false, data: empty });
    this.#pending.clear();
  }
}

/** The first field's byte, behind changes of the dynamic table's size (RFC 7541, section 6.3). */
function statusOf(block: Buffer): number | undefined {
  let at = 0;
  while (((block[at] ?? 0) & 0xe0) === 0x20) {
    const long = ((block[at] ?? 0) & 0x1f) === 0x1f;
    at += 1;
    if (long) while ((block[at++] ?? 0) & 0x80);
  }
  return block[at];
}

function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes, 0);
  return frame(type.WINDOW_UPDATE, 0, 0, payload);
}

function frame(kind: number, flags: number, stream: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(frameHead + payload.length);
  writeHead(bytes, 0, payload.length, kind, flags, stream);
  payload.copy(bytes, frameHead);
  return bytes;
}

function writeHead(
  to: Buffer,
  at: number,
  length: number,
  kind: number,
  flags: number,
  stream: number,
): void {
  to.writeUIntBE(length, at, 3);
  to[at + 3] = kind;
  to[at + 4] = flags;
  to.writeUInt32BE(stream, at + 5);
}
