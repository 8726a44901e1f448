/**
 * What one client may take from the server. Every limit has a refusal that says which one it was:
 * `docs/operations/limits.md` has the table.
 */
export interface Limits {
  /** Largest message, in bytes, after decompression. More is `resource_exhausted`, decided on the declared length. */
  readonly messageBytes: number;
  /** What all request bodies that are not complete may hold, in bytes; those of strangers an eighth of it, beside it. */
  readonly unfinishedBytes: number;
  /** What all answers may hold that their clients have not taken yet, in bytes. */
  readonly unsentBytes: number;
  /** Largest request header block, in bytes. More is 431 on HTTP/1.1, ENHANCE_YOUR_CALM on HTTP/2. */
  readonly headerBytes: number;
  /**
   * Calls that may run at once on one connection. More is REFUSED_STREAM on HTTP/2, which clients retry later; on HTTP/1.1,
   * where requests can be sent ahead of the answers, it closes the connection.
   */
  readonly streamsPerConnection: number;
  /** Open connections. More is 503 on HTTP/1.1, GOAWAY with ENHANCE_YOUR_CALM on HTTP/2. */
  readonly connections: number;
  /** Connections of one address over which no call came with a good token. From half of all on, one more closes one of them. */
  readonly strangersPerAddress: number;
  /** Milliseconds that a connection may stay open with no call running on it. A running stream is never idle. */
  readonly idleTimeoutMs: number;
  /** Milliseconds from accepting a connection to its first bytes, its TLS handshake, and its first HTTP/1.1 headers. */
  readonly headersTimeoutMs: number;
  /** Milliseconds to receive one whole HTTP/1.1 request, body included. More is 408. */
  readonly requestTimeoutMs: number;
  /** PING and SETTINGS frames between two calls on one HTTP/2 connection, in 10 seconds. More closes it. */
  readonly controlFrames: number;
  /** HTTP/2 streams that a client resets at once; a tenth of it comes back each second. More closes the connection. */
  readonly streamResets: number;
}

export const defaultLimits: Limits = {
  messageBytes: 4 * 1024 * 1024,
  unfinishedBytes: 256 * 1024 * 1024,
  unsentBytes: 256 * 1024 * 1024,
  headerBytes: 16 * 1024,
  streamsPerConnection: 256,
  connections: 20_000,
  strangersPerAddress: 4000,
  idleTimeoutMs: 120_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  controlFrames: 1000,
  streamResets: 1000,
};
