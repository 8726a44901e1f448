import type { AgentLog } from "./log.ts";
import type { Time } from "./time.ts";

/** How long a complaint that was logged is not logged again, in milliseconds. */
const repeatMs = 60_000;
/** Complaints that differ each time, by an id of the server's say, are bounded by this many lines in that time. */
const linesAtMost = 4;

/**
 * One trouble of the agent, which may come back with each try: a warning at most once a minute, and when it says
 * something else. What is held back goes to the log as `debug`.
 */
export class Complaint {
  readonly #log: AgentLog;
  readonly #time: Time;
  readonly #message: string;
  /** What was logged, with its monotonic time. */
  #logged: readonly { readonly text: string; readonly at: number }[] = [];
  #told = false;

  /** @param message what goes wrong, the same each time */
  constructor(log: AgentLog, time: Time, message: string) {
    this.#log = log;
    this.#time = time;
    this.#message = message;
  }

  /**
   * @param text why it goes wrong: another text is news
   * @param fields what else the line says
   */
  tell(text: string, fields: object = {}): void {
    const now = this.#time.monotonic();
    this.#logged = this.#logged.filter(({ at }) => now - at < repeatMs);
    if (this.#logged.length >= linesAtMost || this.#logged.some((line) => line.text === text)) {
      this.#log.debug({ why: text, ...fields }, this.#message);
      return;
    }
    this.#logged = [...this.#logged, { text, at: now }];
    this.#told = true;
    this.#log.warn({ why: text, ...fields }, this.#message);
  }

  /** The trouble is over. @returns whether the log was told of it, and is to be told of its end */
  over(): boolean {
    const told = this.#told;
    this.#told = false;
    return told;
  }
}
