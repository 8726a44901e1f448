/** Nothing was decided yet; also the state of a slot that no job has. */
const waiting = 0;
/** The thread does the job, whatever comes of it. */
const taken = 1;
/** The main thread has refused the job: it must not run. */
const givenUp = 2;

/**
 * Who decides about a job, the thread that does it or the main thread that lost patience: never both. Each job has a slot
 * in memory that both threads share, and whichever changes it first has it.
 */
export class Claims {
  /** Jobs that can wait at the same time. */
  static readonly capacity = 131_072;

  readonly #slots: Int32Array;

  /** @param memory of {@link Claims.memory}, the same for both threads */
  constructor(memory: SharedArrayBuffer) {
    this.#slots = new Int32Array(memory);
  }

  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(Claims.capacity * Int32Array.BYTES_PER_ELEMENT);
  }

  /** For the thread. @returns false when the job was given up */
  take(slot: number): boolean {
    return Atomics.compareExchange(this.#slots, slot, waiting, taken) === waiting;
  }

  /** For the main thread. @returns false when the thread has taken the job */
  giveUp(slot: number): boolean {
    return Atomics.compareExchange(this.#slots, slot, waiting, givenUp) === waiting;
  }

  /** For the main thread: the thread has answered, and the slot can be another job's. */
  reset(slot: number): void {
    Atomics.store(this.#slots, slot, waiting);
  }
}
