import type { Logger } from "pino";
import { Chore, type Lifecycle } from "../lib/chore.ts";
import type { Clock } from "../lib/clock.ts";
import { inBatches } from "../lib/in-batches.ts";
import type { CredentialStore } from "../store/credential-store.ts";

/** How often uses go to disk, in milliseconds. */
const saveMs = 30_000;

/** Uses in one write at most, so that others need not wait long for their turn. */
const usesAtOnce = 500;

export interface TokenUsesOptions {
  readonly credentials: CredentialStore;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Remembers when tokens were used last and writes it down in batches: a call must not cost a durable write. */
export class TokenUses implements Lifecycle {
  readonly #options: TokenUsesOptions;
  #uses = new Map<string, number>();
  readonly #saves: Chore;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: TokenUsesOptions) {
    this.#options = options;
    this.#saves = new Chore(
      saveMs,
      options.clock,
      () => this.save(),
      (error) => this.#tell(error),
    );
  }

  /** A token was used now. */
  note(tokenId: string): void {
    this.#uses.set(tokenId, this.#options.clock.now());
  }

  async run(): Promise<void> {
    await this.#saves.run();
  }

  async stop(): Promise<void> {
    await this.#saves.stop();
    await this.save();
  }

  /** Writes down what was noted since the last time. What cannot be written now is tried again. */
  save(): Promise<void> {
    this.#saving = this.#saving.then(() => this.#save());
    return this.#saving;
  }

  async #save(): Promise<void> {
    if (this.#uses.size === 0) return;
    const uses = this.#uses;
    this.#uses = new Map();
    try {
      const all = [...uses].map(([tokenId, atMs]) => ({ tokenId, atMs }));
      await inBatches(all, usesAtOnce, (some) => this.#options.credentials.saveLastUsed(some));
    } catch (error) {
      this.#uses = new Map([...uses, ...this.#uses]);
      this.#tell(error);
    }
  }

  #tell(error: unknown): void {
    this.#options.log.error({ err: error }, "the last uses of tokens could not be written");
  }
}
