import { once } from "node:events";
import http2 from "node:http2";
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { eachOf, sleep } from "./stats.ts";

/** A call that did not succeed: refused by the server, or never answered. */
export class CallFailed extends Error {
  /** Connect's code, or `no_answer`. */
  readonly code: string;
  /** How long the server asked to wait, in milliseconds; 0: it did not. */
  readonly askedMs: number;
  constructor(code: string, message: string, askedMs = 0) {
    super(`${code}: ${message}`);
    this.code = code;
    this.askedMs = askedMs;
  }
}

const noAnswer = (why: string): CallFailed => new CallFailed("no_answer", why);

/**
 * The network between the fleet and the server: HTTP/2 connections, shared or of one runner each; calls in Connect's
 * unary binary form (connectrpc.com/docs/protocol). Bare on purpose: the fleet must cost less than the server.
 */
export class Wire {
  readonly #url: string;
  /** The shared ones first. */
  readonly #sessions: (http2.ClientHttp2Session | undefined)[];
  readonly #shared: number;
  #cutUntil = 0;
  #delayMs = 0;
  #turn = 0;
  #closed = false;

  /** @param own further connections, each for one runner */
  constructor(url: string, connections: number, own = 0) {
    this.#url = url;
    this.#shared = connections;
    this.#sessions = Array.from({ length: connections + own }, () => undefined);
  }

  /** The connection of a runner, by its number. */
  laneOf(runner: number): number {
    const own = this.#shared + runner;
    return own < this.#sessions.length ? own : runner % this.#shared;
  }

  /** Makes every connection, some at a time, and resolves when all stand. */
  async open(): Promise<void> {
    const lanes = Array.from(this.#sessions, (_, lane) => lane);
    await eachOf(lanes, 64, async (lane) => {
      const session = this.#session(lane);
      if (session.connecting) await once(session, "connect");
    });
  }

  /** Breaks every connection; for so long none can be made. */
  cut(seconds: number): void {
    this.#cutUntil = performance.now() + seconds * 1000;
    this.#breakAll();
  }

  /** From now on requests and answers each take so much longer. */
  slowDown(ms: number): void {
    this.#delayMs = ms;
  }

  close(): void {
    this.#closed = true;
    this.#breakAll();
  }

  #breakAll(): void {
    for (const session of this.#sessions) session?.destroy();
  }

  /**
   * @param lane which connection; the next of the shared ones in turn when left out
   * @throws CallFailed
   */
  async call<M extends DescMethodUnary>(
    method: M,
    token: string | null,
    request: MessageInitShape<M["input"]>,
    options: { readonly lane?: number; readonly timeoutMs?: number } = {},
  ): Promise<MessageShape<M["output"]>> {
    const { lane = this.#turn++ % this.#shared, timeoutMs = 20_000 } = options;
    const body = toBinary(method.input, create(method.input, request));
    if (this.#delayMs > 0) await sleep(this.#delayMs);
    const answer = await this.#exchange(method, token, body, lane, timeoutMs);
    if (this.#delayMs > 0) await sleep(this.#delayMs);
    return fromBinary(method.output, answer) as MessageShape<M["output"]>;
  }

  #exchange(
    method: DescMethodUnary,
    token: string | null,
    body: Uint8Array,
    lane: number,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (performance.now() < this.#cutUntil) return reject(noAnswer("the network is cut"));
      const stream = this.#session(lane).request({
        ":method": "POST",
        ":path": `/${method.parent.typeName}/${method.name}`,
        "content-type": "application/proto",
        "connect-protocol-version": "1",
        ...(token !== null && { authorization: `Bearer ${token}` }),
      });
      const chunks: Buffer[] = [];
      let status = 0;
      const timer = setTimeout(() => {
        reject(noAnswer("timed out"));
        stream.close(http2.constants.NGHTTP2_CANCEL);
      }, timeoutMs);
      stream.on("response", (headers) => {
        status = headers[":status"] ?? 0;
      });
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", (error) => reject(noAnswer(error.message)));
      stream.on("close", () => {
        clearTimeout(timer);
        const bytes = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
        if (status === 200) resolve(bytes);
        else reject(refusal(status, bytes));
        // As in the server: what a stream reaches outlives it until the next full garbage collection, which has all runners wait.
        stream.removeAllListeners();
      });
      stream.end(body);
    });
  }

  #session(lane: number): http2.ClientHttp2Session {
    const open = this.#sessions[lane];
    if (open !== undefined && !open.closed && !open.destroyed) return open;
    const session = http2.connect(this.#url);
    let stood = false;
    session.on("connect", () => {
      stood = true;
    });
    // Calls on it fail by themselves, with a reason of their own.
    session.on("error", () => undefined);
    session.on("close", () => {
      if (this.#sessions[lane] === session) this.#sessions[lane] = undefined;
      if (stood && lane >= this.#shared) void this.#comeBack(lane);
    });
    this.#sessions[lane] = session;
    return session;
  }

  /** A runner whose connection broke makes another, as an agent whose stream broke does, and waits no less between its tries. */
  async #comeBack(lane: number): Promise<void> {
    for (let most = 1_000; !this.#closed; most = Math.min(2 * most, 15_000)) {
      await sleep(most * (0.5 + Math.random() / 2));
      if (this.#closed) return;
      if (performance.now() < this.#cutUntil) continue;
      const session = this.#session(lane);
      if (!session.connecting) return;
      const stands = await Promise.race([
        once(session, "connect").then(
          () => true,
          () => false,
        ),
        once(session, "close").then(() => false),
      ]);
      if (stands) return;
    }
  }
}

/** Connect's errors are JSON; the reason of an ErrorInfo tells more than the code where there is one. */
function refusal(status: number, body: Buffer): CallFailed {
  if (status === 0) return noAnswer("the connection broke");
  try {
    const { code, message, details = [] } = JSON.parse(body.toString());
    const reason = detail(ErrorInfoSchema, details)?.reason;
    const delay = detail(RetryInfoSchema, details)?.retryDelay;
    return new CallFailed(reason ?? code, message, delay && durationMs(delay));
  } catch {
    return new CallFailed(`http_${status}`, body.toString());
  }
}

function detail<D extends DescMessage>(
  schema: D,
  details: readonly { readonly type: string; readonly value: string }[],
): MessageShape<D> | undefined {
  const found = details.find(({ type }) => type === schema.typeName);
  return found && fromBinary(schema, Buffer.from(found.value, "base64"));
}
