import { isRunner } from "../access/caller.ts";
import type { Principal } from "../access/principal.ts";
import { networkOf } from "./call-limits.ts";
import { type Quotas, refuseOver } from "./quotas.ts";

/** Whose a stream is: of a caller with a token, or of an address. */
export type StreamHolder =
  | { readonly id: string; readonly principal: Principal }
  | { readonly address: string };

/** The open streams of all callers. Each costs some 40 KB, whatever it brings. */
export class OpenStreams {
  readonly #quotas: Quotas;
  readonly #open = new Map<string, number>();
  #anonymous = 0;

  constructor(quotas: Quotas) {
    this.#quotas = quotas;
  }

  /** How many streams are open without a token. */
  get anonymous(): number {
    return this.#anonymous;
  }

  /**
   * Counts one more stream.
   * @returns has it counted no more; to be called once
   * @throws DomainError TOO_MANY_WATCHES
   */
  open(holder: StreamHolder): () => void {
    const isAnonymous = "address" in holder;
    const key = isAnonymous ? networkOf(holder.address) : holder.id;
    const open = this.#open.get(key) ?? 0;
    if (isAnonymous) {
      refuseOver(this.#quotas, "addressStreams", open);
      refuseOver(this.#quotas, "anonymousStreams", this.#anonymous);
      this.#anonymous += 1;
    } else refuseOver(this.#quotas, isRunner(holder) ? "runnerStreams" : "callerStreams", open);
    this.#open.set(key, open + 1);
    return () => {
      if (isAnonymous) this.#anonymous -= 1;
      const left = (this.#open.get(key) ?? 1) - 1;
      if (left === 0) this.#open.delete(key);
      else this.#open.set(key, left);
    };
  }
}
