/** What every part that lives longer than a call can do. */
export interface Lifecycle {
  /** Takes up its work; resolves once the part can be relied on. */
  run(): Promise<void>;
  /** Ends its work and keeps what must be kept. Can be called again. */
  stop(): Promise<void>;
}
