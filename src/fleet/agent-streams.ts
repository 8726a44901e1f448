/** What an agent is told; each is sent once however often it happened meanwhile, the newest state with it. */
export type WatchNews = "keep_alive" | "spec" | "wind_down" | "questions" | "configuration";

/**
 * One open stream of a runner. It keeps which kinds of news are pending, never the news themselves, so an agent
 * that does not read costs a few bits.
 */
export class AgentStream {
  readonly runnerId: string;
  readonly generation: number;
  /** The access token that the stream was opened with. */
  readonly tokenHash: Uint8Array;
  readonly #pending = new Set<WatchNews>();
  #wake: (() => void) | undefined;
  #end: { readonly reason: unknown } | undefined;

  constructor(runnerId: string, generation: number, tokenHash: Uint8Array) {
    this.runnerId = runnerId;
    this.generation = generation;
    this.tokenHash = tokenHash;
  }

  tell(news: WatchNews): void {
    this.#pending.add(news);
    this.#wake?.();
  }

  /** Ends the stream with an error, at once: what is pending is not sent any more. */
  end(reason: unknown): void {
    this.#end ??= { reason };
    this.#wake?.();
  }

  /**
   * What is pending, waiting for it if need be; empty when the caller has gone.
   * @throws what end() was given
   */
  async next(signal: AbortSignal): Promise<readonly WatchNews[]> {
    while (this.#end === undefined && this.#pending.size === 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener("abort", this.#onAbort, { once: true });
      });
      signal.removeEventListener("abort", this.#onAbort);
      this.#wake = undefined;
    }
    if (this.#end !== undefined) throw this.#end.reason;
    const news = [...this.#pending];
    this.#pending.clear();
    return signal.aborted ? [] : news;
  }

  readonly #onAbort = (): void => this.#wake?.();
}

/** All open streams, by runner. */
export class AgentStreams {
  readonly #byRunner = new Map<string, Set<AgentStream>>();

  /** How many streams are open. */
  get size(): number {
    let size = 0;
    for (const streams of this.#byRunner.values()) size += streams.size;
    return size;
  }

  add(stream: AgentStream): void {
    const others = this.#byRunner.get(stream.runnerId);
    if (others === undefined) this.#byRunner.set(stream.runnerId, new Set([stream]));
    else others.add(stream);
  }

  remove(stream: AgentStream): void {
    const others = this.#byRunner.get(stream.runnerId);
    others?.delete(stream);
    if (others?.size === 0) this.#byRunner.delete(stream.runnerId);
  }

  of(runnerId: string): Iterable<AgentStream> {
    return this.#byRunner.get(runnerId) ?? [];
  }

  *all(): Iterable<AgentStream> {
    for (const streams of this.#byRunner.values()) yield* streams;
  }

  tell(runnerId: string, news: WatchNews): void {
    for (const stream of this.of(runnerId)) stream.tell(news);
  }
}
