import { constants, fstatSync, openSync, write, writeSync } from "node:fs";
import process from "node:process";
import { isatty } from "node:tty";

/** Characters that wait at most; as many again may be on their way to the system. */
const defaultRoom = 2 ** 20;

/** When an output that takes nothing is tried again, in milliseconds. */
const againMs = 50;

/**
 * Lines on their way to an output of this process: standard error, for a log. Writing never waits and never fails. While
 * the output takes nothing, as a pipe whose reader stands still, lines are kept up to a bound; what is more than that is
 * lost and counted, and so is what the output refuses, as a full disk does. An output in trouble decides nothing else.
 */
export class LineSink {
  readonly #output: number;
  readonly #room: number;
  #descriptor: number | undefined;
  #waiting: string[] = [];
  #waitingLength = 0;
  #busy = false;
  /** Whether what was written last ended inside of a line. */
  #torn = false;
  #lost = 0;
  /** How many of the lost lines the listener was told of. */
  #told = 0;
  #onRecovered: ((lost: number) => void) | undefined;
  #onLost: ((error: Error) => void) | undefined;
  readonly #idle = new Set<() => void>();

  /**
   * @param output a file descriptor, such as 2; it is never closed
   * @param room characters that may wait
   */
  constructor(output: number, room: number = defaultRoom) {
    this.#output = output;
    this.#room = room;
  }

  /** How many lines were lost. */
  get lost(): number {
    return this.#lost;
  }

  /** Tells a listener how many lines were lost, once lines are written again. */
  onRecovered(listener: (lost: number) => void): void {
    this.#onRecovered = listener;
  }

  /** Tells a listener why lines were lost, whenever the output refuses some. */
  onLost(listener: (error: Error) => void): void {
    this.#onLost = listener;
  }

  /** @param lines one line, or several, each with its end */
  write(lines: string): void {
    if (this.#waitingLength + lines.length > this.#room) {
      this.#lost += lineEnds(lines);
      return;
    }
    this.#waiting.push(lines);
    this.#waitingLength += lines.length;
    if (!this.#busy) this.#writeWaiting();
  }

  /**
   * Resolves when nothing waits any more, or the time is over.
   * @param withinMs milliseconds; without it, as long as there is a reader
   */
  flush(withinMs?: number): Promise<void> {
    if (!this.#busy) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#idle.delete(end);
        resolve();
      };
      const timer = withinMs === undefined ? undefined : setTimeout(end, withinMs);
      this.#idle.add(end);
    });
  }

  /**
   * Writes what the output takes at once of what waits: the last chance of a process that ends.
   * @param lastLines what comes behind it
   */
  flushSync(lastLines = ""): void {
    if (lastLines !== "") this.#waiting.push(lastLines);
    const text = this.#take();
    if (text.length === 0) return;
    try {
      writeSync(this.#open(), text);
    } catch {
      // Then they are lost, and there is no more time to count them.
    }
  }

  #writeWaiting(): void {
    const text = this.#take();
    this.#busy = text.length > 0;
    if (this.#busy) this.#send(text);
    else for (const end of this.#idle) end();
  }

  #take(): Buffer {
    const text = Buffer.from((this.#torn ? "\n" : "") + this.#waiting.join(""));
    const nothing = this.#waiting.length === 0;
    this.#waiting = [];
    this.#waitingLength = 0;
    return nothing ? Buffer.alloc(0) : text;
  }

  #send(text: Buffer): void {
    write(this.#open(), text, (error, written) => {
      const rest = text.subarray(written);
      if (written > 0) this.#torn = text[written - 1] !== lineEnd;
      if (error?.code === "EAGAIN") {
        setTimeout(() => this.#send(rest), againMs);
      } else if (error !== null) {
        this.#lost += lineEnds(rest.toString());
        this.#onLost?.(error);
        this.#writeWaiting();
      } else if (rest.length > 0) {
        this.#send(rest);
      } else {
        this.#tellLost();
        this.#writeWaiting();
      }
    });
  }

  #tellLost(): void {
    const lost = this.#lost - this.#told;
    if (lost === 0 || this.#onRecovered === undefined) return;
    this.#told = this.#lost;
    this.#onRecovered(lost);
  }

  #open(): number {
    this.#descriptor ??= withoutWaiting(this.#output);
    return this.#descriptor;
  }
}

const lineEnd = 0x0a;

function lineEnds(text: string): number {
  return text.split("\n").length - 1;
}

/**
 * A descriptor of the same output that answers EAGAIN where it would have to wait. A thread that waits cannot be ended,
 * and with it the process cannot. Files never answer so, and their writes are left to a thread.
 */
function withoutWaiting(output: number): number {
  const kind = fstatSync(output);
  const readerMayStall = kind.isFIFO() || kind.isSocket() || isatty(output);
  if (!readerMayStall) return output;
  try {
    // Opened anew, because whether writes wait is shared by all processes that inherited the same opening.
    return openSync(`/dev/fd/${output}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // A socket, or a pipe of another user. Node.js has its own streams not wait, from their first use on.
    void (output === 1 ? process.stdout : process.stderr);
    return output;
  }
}
