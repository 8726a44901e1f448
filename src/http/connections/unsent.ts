import type { ServerResponse } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import { networkOf } from "../../domain/limits/call-limits.ts";
import type { Connection } from "./connection.ts";

/** How often unsent answers are added up while calls run, in milliseconds. */
const lookMs = 250;

/** Something that is being answered: a response of HTTP/1.1, a stream of HTTP/2. */
type Answered = Pick<ServerResponse | ServerHttp2Stream, "writableLength">;

/**
 * Bounds what all answers hold together that their clients have not taken. Beyond it connections are closed: of the address
 * that holds the most the connection that holds the most, until the rest fits.
 */
export class UnsentAnswers {
  readonly #maxBytes: number;
  readonly #running: () => Iterable<readonly [Answered, Connection]>;
  #timer: NodeJS.Timeout | undefined;

  /** @param running what is being answered now, with its connection */
  constructor(maxBytes: number, running: () => Iterable<readonly [Answered, Connection]>) {
    this.#maxBytes = maxBytes;
    this.#running = running;
  }

  /** A call has begun: there may be something to look at. */
  callStarted(): void {
    this.#timer ??= setTimeout(() => this.#look(), lookMs).unref();
  }

  #look(): void {
    this.#timer = undefined;
    const held = new Map<Connection, number>();
    let total = 0;
    let calls = 0;
    for (const [{ writableLength }, connection] of this.#running()) {
      calls += 1;
      if (writableLength === 0) continue;
      total += writableLength;
      held.set(connection, (held.get(connection) ?? 0) + writableLength);
    }
    if (calls > 0) this.callStarted();
    if (total <= this.#maxBytes) return;
    for (const [connection, bytes] of largestFirst(held)) {
      connection.destroy();
      total -= bytes;
      if (total <= this.#maxBytes) return;
    }
  }
}

function largestFirst(held: ReadonlyMap<Connection, number>): [Connection, number][] {
  const byAddress = new Map<string, number>();
  const ofAddress = ({ remoteAddress }: Connection) => byAddress.get(networkOf(remoteAddress)) ?? 0;
  for (const [connection, bytes] of held) {
    byAddress.set(networkOf(connection.remoteAddress), ofAddress(connection) + bytes);
  }
  return [...held].sort(([a, ofA], [b, ofB]) => ofAddress(b) - ofAddress(a) || ofB - ofA);
}
