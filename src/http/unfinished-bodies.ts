/** A request body that has begun and is not complete. */
export interface UnfinishedBody {
  /** Others need the room: the call is refused, and what is there of its body is forgotten. */
  giveWay(): void;
}

/**
 * What all request bodies that are not complete may hold together. When there is no room left the oldest gives way: an
 * honest client sends the rest of its body at once, so that the bodies that wait longest are those of clients that let
 * them.
 */
export class UnfinishedBodies {
  readonly #maxBytes: number;
  /** Bytes by body, the oldest first. */
  readonly #held = new Map<UnfinishedBody, number>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that are held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Says how many bytes a body takes from now on. May have others give way. */
  hold(body: UnfinishedBody, bytes: number): void {
    this.#bytes += bytes - (this.#held.get(body) ?? 0);
    this.#held.set(body, bytes);
    while (this.#bytes > this.#maxBytes && this.#held.size > 1) {
      const [oldest] = this.#held.keys();
      if (oldest === undefined) return;
      this.release(oldest);
      oldest.giveWay();
    }
  }

  /** The body is complete, or no longer wanted. */
  release(body: UnfinishedBody): void {
    this.#bytes -= this.#held.get(body) ?? 0;
    this.#held.delete(body);
  }
}
