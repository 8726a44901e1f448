import type { Database, Statement } from "better-sqlite3";

/** Counts commits of other connections, those of other processes among them; several at once may count as one. */
export class OutsideChanges {
  /** Changes with every commit of another connection (sqlite.org/pragma.html#pragma_data_version). */
  readonly #version: Statement<[], number>;
  #seen: number | undefined;
  #changes = 0;
  #looked = false;
  #looksOurs: (() => boolean) | null = null;

  constructor(client: Database) {
    this.#version = client.prepare<[], number>("PRAGMA data_version").pluck();
    this.#seen = this.#version.get();
  }

  /**
   * How many there were by a look in this turn of the event loop. Looked once, for all the calls that the turn reads: it takes
   * SQLite a lock of the kernel.
   */
  readonly inThisTurn = (): number => {
    if (this.#looked) return this.#changes;
    this.#looked = true;
    setImmediate(this.#nextTurn);
    return this.now();
  };

  /** How many there were until this moment. */
  now(): number {
    const version = this.#version.get();
    if (version === this.#seen || this.#looksOurs?.() === true) return this.#changes;
    this.#changes += 1;
    this.#seen = version;
    return this.#changes;
  }

  /**
   * A connection of ours is about to commit. From when it seems to have done so until leaveOut() says whether it was alone,
   * a change is not counted: some turns of the event loop, or what a checkpoint of one frame takes the disk. What is in any
   * way different is counted at once.
   */
  expect(looksOurs: () => boolean): void {
    this.now();
    this.#looksOurs = looksOurs;
  }

  /** Does not count what there was since the last look, if that was only a commit of ours. @param ours judges after a look */
  leaveOut(ours: () => boolean): void {
    this.#looksOurs = null;
    const version = this.#version.get();
    if (ours()) this.#seen = version;
  }

  readonly #nextTurn = (): void => {
    this.#looked = false;
  };
}
