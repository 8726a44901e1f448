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
import { H2Connection } from "../load/h2-connection.ts";
import { type Fields, type HeaderBlocks, requestBlocks, withField } from "../load/hpack.ts";
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
 * unary binary form (connectrpc.com/docs/protocol). Bare on purpose: the fleet must cost less than the server, and its
 * own pauses must not be taken for the server's.
 */
export class Wire {
  readonly #to: { readonly host: string; readonly port: number };
  /** The shared ones first. */
  readonly #connections: (H2Connection | undefined)[];
  readonly #blocks = new Map<string, HeaderBlocks>();
  readonly #shared: number;
  #cutUntil = 0;
  #delayMs = 0;
  #turn = 0;
  #closed = false;

  /** @param own further connections, each for one runner */
  constructor(url: string, connections: number, own = 0) {
    const { hostname, port } = new URL(url);
    this.#to = { host: hostname, port: Number(port || 80) };
    this.#shared = connections;
    this.#connections = Array.from({ length: connections + own }, () => undefined);
  }

  /** The connection of a runner, by its number. */
  laneOf(runner: number): number {
    const own = this.#shared + runner;
    return own < this.#connections.length ? own : runner % this.#shared;
  }

  /** Makes every connection, some at a time, and resolves when all stand. */
  async open(): Promise<void> {
    const lanes = Array.from(this.#connections, (_, lane) => lane);
    await eachOf(lanes, 64, async (lane) => {
      if (!(await this.#connection(lane).stands)) throw noAnswer("no connection");
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
    for (const connection of this.#connections) connection?.break("the network is cut");
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
      const plain = this.#blocksOf(method);
      const blocks = token === null ? plain : withField(plain, "authorization", `Bearer ${token}`);
      const giveUp = this.#connection(lane).call(blocks, body, ({ ok, answered, data }) => {
        clearTimeout(timer);
        if (ok) resolve(data);
        else reject(answered ? refusal(data) : noAnswer("the connection broke"));
      });
      const timer = setTimeout(() => {
        giveUp();
        reject(noAnswer("timed out"));
      }, timeoutMs);
    });
  }

  #blocksOf(method: DescMethodUnary): HeaderBlocks {
    const path = `/${method.parent.typeName}/${method.name}`;
    const known = this.#blocks.get(path);
    if (known !== undefined) return known;
    const fields: Fields = [
      ["content-type", "application/proto"],
      ["connect-protocol-version", "1"],
    ];
    const blocks = requestBlocks(this.#to, path, fields, [":path"]);
    this.#blocks.set(path, blocks);
    return blocks;
  }

  #connection(lane: number): H2Connection {
    const open = this.#connections[lane];
    if (open?.usable) return open;
    const connection = new H2Connection(this.#to, () => {
      if (this.#connections[lane] === connection) this.#connections[lane] = undefined;
      if (stood && lane >= this.#shared) void this.#comeBack(lane);
    });
    let stood = false;
    void connection.stands.then((stands) => {
      stood = stands;
    });
    this.#connections[lane] = connection;
    return connection;
  }

  /** A runner whose connection broke makes another, as an agent whose stream broke does, and waits no less between its tries. */
  async #comeBack(lane: number): Promise<void> {
    for (let most = 1_000; !this.#closed; most = Math.min(2 * most, 15_000)) {
      await sleep(most * (0.5 + Math.random() / 2));
      if (this.#closed) return;
      if (performance.now() < this.#cutUntil) continue;
      if (await this.#connection(lane).stands) return;
    }
  }
}

/** Connect's errors are JSON; the reason of an ErrorInfo tells more than the code where there is one. */
function refusal(body: Buffer): CallFailed {
  try {
    const { code, message, details = [] } = JSON.parse(body.toString());
    const reason = detail(ErrorInfoSchema, details)?.reason;
    const delay = detail(RetryInfoSchema, details)?.retryDelay;
    return new CallFailed(reason ?? code, message, delay && durationMs(delay));
  } catch {
    return new CallFailed("unreadable", body.toString());
  }
}

function detail<D extends DescMessage>(
  schema: D,
  details: readonly { readonly type: string; readonly value: string }[],
): MessageShape<D> | undefined {
  const found = details.find(({ type }) => type === schema.typeName);
  return found && fromBinary(schema, Buffer.from(found.value, "base64"));
}
