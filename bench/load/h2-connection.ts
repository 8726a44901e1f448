import net from "node:net";
import {
  cancelStream,
  defaultWindow,
  frame,
  frameFlag,
  frameHead,
  frameType,
  isStatus200,
  largestWindow,
  preface,
  requestFrames,
  setting,
  settingIn,
  settings,
  windowUpdate,
} from "./h2-frames.ts";
import type { HeaderBlocks } from "./hpack.ts";

/** How a call ended. */
export interface Reply {
  /** False for another status than 200, a reset stream, and a connection that broke. */
  readonly ok: boolean;
  /** The response's body, of an error too; empty when there was none. */
  readonly data: Buffer;
}

/** The same, and whether the server answered to the end at all, with success or without. */
export interface H2Reply extends Reply {
  readonly answered: boolean;
}

const empty = Buffer.alloc(0);
const unanswered: H2Reply = { ok: false, data: empty, answered: false };
/** After so many bytes the peer is given as many again. */
const refillBytes = 2 ** 29;

interface Call {
  readonly blocks: HeaderBlocks;
  readonly body: Uint8Array;
  readonly done: (reply: H2Reply) => void;
  /** 0 while the server has no room for it. */
  stream: number;
  ok: boolean;
  data: Buffer;
}

/**
 * One HTTP/2 connection of a load generator: frames by hand, a twentieth of the cost of a general client. It knows just
 * enough for unary calls to an honest server, whose bodies fit a stream's first window (64 KiB). The headers of all
 * requests of one connection must put the same fields into the peer's table (`requestBlocks`).
 */
export class H2Connection {
  /** Resolves to whether the connection was made. */
  readonly stands: Promise<boolean>;
  readonly #socket: net.Socket;
  readonly #pending = new Map<number, Call>();
  /** What the server has no room for yet, oldest first. */
  #waiting: Call[] = [];
  readonly #onBroken: (reason: string) => void;
  #out: Buffer[] = [];
  #rest: Buffer = empty;
  #nextStream = 1;
  #mostStreams = Number.POSITIVE_INFINITY;
  #sendWindow = defaultWindow;
  #received = 0;
  /** Why the server wants no further calls; those that it has it still answers. */
  #leaving: string | null = null;
  #broken = false;

  /** @param onBroken told once, when the connection is over without having been closed here */
  constructor(
    to: { readonly host: string; readonly port: number },
    onBroken: (reason: string) => void = () => {},
  ) {
    this.#onBroken = onBroken;
    this.#socket = net.connect({ ...to, noDelay: true });
    this.stands = new Promise((resolve) => {
      this.#socket.once("connect", () => resolve(true));
      this.#socket.once("close", () => resolve(false));
    });
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#socket.on("error", (error) => this.break(error.message));
    this.#socket.on("close", () => this.break("closed"));
    const ours = { [setting.ENABLE_PUSH]: 0, [setting.INITIAL_WINDOW_SIZE]: largestWindow };
    this.#send(preface, settings(ours), windowUpdate(largestWindow - defaultWindow));
  }

  /** Whether it takes further calls, also while it is being made. */
  get usable(): boolean {
    return !this.#broken && this.#leaving === null;
  }

  /**
   * @param body the DATA frame's payload; `done` is called once, later
   * @returns gives the call up: the server is told, and `done` is not called
   */
  call(blocks: HeaderBlocks, body: Uint8Array, done: (reply: H2Reply) => void): () => void {
    const call: Call = { blocks, body, done, stream: 0, ok: false, data: empty };
    if (!this.usable) setImmediate(done, unanswered);
    else if (this.#waiting.length === 0 && this.#hasRoom(call)) this.#start(call);
    else this.#waiting.push(call);
    return () => this.#giveUp(call);
  }

  close(): void {
    this.#broken = true;
    this.#socket.destroy();
    const unfinished = [...this.#pending.values(), ...this.#waiting];
    this.#pending.clear();
    this.#waiting = [];
    for (const { done } of unfinished) done(unanswered);
  }

  /** As when the network fails. */
  break(reason: string): void {
    if (this.#broken) return;
    this.close();
    this.#onBroken(reason);
  }

  #startWaiting(): void {
    if (this.#waiting.length === 0) return;
    let started = 0;
    for (const call of this.#waiting) {
      if (!this.#hasRoom(call)) break;
      this.#start(call);
      started += 1;
    }
    this.#waiting.splice(0, started);
  }

  #hasRoom({ body }: Call): boolean {
    return this.#pending.size < this.#mostStreams && body.length <= this.#sendWindow;
  }

  #start(call: Call): void {
    call.stream = this.#nextStream;
    this.#nextStream += 2;
    this.#sendWindow -= call.body.length;
    this.#pending.set(call.stream, call);
    const block = call.stream === 1 ? call.blocks.first : call.blocks.later;
    this.#send(requestFrames(call.stream, block, call.body));
  }

  #giveUp(call: Call): void {
    if (this.#pending.delete(call.stream)) {
      this.#send(cancelStream(call.stream));
      this.#madeRoom();
    } else this.#waiting = this.#waiting.filter((other) => other !== call);
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
    const call = this.#pending.get(stream);
    switch (kind) {
      case frameType.DATA:
        this.#refill(payload.length);
        if (call !== undefined && payload.length > 0) {
          call.data = call.data.length === 0 ? payload : Buffer.concat([call.data, payload]);
        }
        if (flags & frameFlag.END_STREAM) this.#end(call, true);
        return;
      case frameType.HEADERS:
        if (call !== undefined && !call.ok) call.ok = isStatus200(payload);
        if (flags & frameFlag.END_STREAM) this.#end(call, true);
        return;
      case frameType.RST_STREAM:
        this.#end(call, false);
        return;
      case frameType.SETTINGS:
        if (flags & frameFlag.ACK) return;
        this.#mostStreams = settingIn(payload, setting.MAX_CONCURRENT_STREAMS) ?? this.#mostStreams;
        this.#send(frame(frameType.SETTINGS, frameFlag.ACK, 0, empty));
        this.#startWaiting();
        return;
      case frameType.PING:
        if (!(flags & frameFlag.ACK)) this.#send(frame(frameType.PING, frameFlag.ACK, 0, payload));
        return;
      case frameType.WINDOW_UPDATE:
        if (stream === 0) this.#sendWindow += payload.readUInt32BE(0);
        this.#startWaiting();
        return;
      case frameType.GOAWAY:
        this.#leave(payload.readUInt32BE(0), `GOAWAY with code ${payload.readUInt32BE(4)}`);
        return;
      default:
    }
  }

  #end(call: Call | undefined, answered: boolean): void {
    if (call === undefined) return;
    this.#pending.delete(call.stream);
    call.done({ ok: answered && call.ok, data: call.data, answered });
    this.#madeRoom();
  }

  #madeRoom(): void {
    if (this.#leaving !== null && this.#pending.size === 0) this.break(this.#leaving);
    else this.#startWaiting();
  }

  /** @param last the last stream that the server looks at */
  #leave(last: number, reason: string): void {
    this.#leaving = reason;
    const unseen = [...this.#pending.values()].filter(({ stream }) => stream > last);
    for (const { stream } of unseen) this.#pending.delete(stream);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { done } of [...unseen, ...waiting]) done(unanswered);
    this.#madeRoom();
  }

  #refill(bytes: number): void {
    this.#received += bytes;
    if (this.#received < refillBytes) return;
    this.#send(windowUpdate(this.#received));
    this.#received = 0;
  }
}
