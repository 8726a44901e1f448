import type { Socket } from "node:net";

/** What a client speaks, told by the first bytes that it sends. */
export type Wire = "tls" | "http2" | "http1";

/** Start of the HTTP/2 connection preface (RFC 9113, section 3.4); what follows it is checked by the HTTP/2 server. */
const preface = Buffer.from("PRI * HTTP/2.0", "latin1");

/** Content type of a TLS handshake record (RFC 8446, section 5.1). No HTTP method begins with it. */
const tlsHandshake = 0x16;

/** Decides by the bytes so far, or answers undefined while they could still become the HTTP/2 preface. */
export function wireOf(head: Uint8Array): Wire | undefined {
  if (head.length === 0) return undefined;
  if (head[0] === tlsHandshake) return "tls";
  const length = Math.min(head.length, preface.length);
  if (!preface.subarray(0, length).equals(head.subarray(0, length))) return "http1";
  return length === preface.length ? "http2" : undefined;
}

export type SniffFailure = "timeout" | "ended";

/**
 * Reads as much as it takes to know what the client speaks, puts every byte back, and calls `onWire` once.
 * A client that says too little within `timeoutMs`, or half-closes before it said enough, gives `onFailure`
 * once instead. A socket that closes or breaks first gives neither: its owner hears that from the socket.
 */
export function sniff(
  socket: Socket,
  timeoutMs: number,
  onWire: (wire: Wire) => void,
  onFailure: (failure: SniffFailure) => void,
): void {
  let head: Buffer = Buffer.alloc(0);
  let stopped = false;
  // Timers run before sockets are read: after an event loop that stood still, the bytes may be here already.
  const timer = setTimeout(() => setImmediate(onTimeout), timeoutMs);

  function stop(): void {
    stopped = true;
    clearTimeout(timer);
    socket.off("readable", onReadable);
    socket.off("end", onEnd);
    socket.off("close", stop);
  }
  function onTimeout(): void {
    if (stopped) return;
    stop();
    onFailure("timeout");
  }
  function onEnd(): void {
    stop();
    onFailure("ended");
  }
  function onReadable(): void {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    head = Buffer.concat([head, chunk]);
    const wire = wireOf(head);
    if (wire === undefined) return;
    stop();
    socket.unshift(head);
    onWire(wire);
  }
  socket.on("readable", onReadable);
  socket.on("end", onEnd);
  socket.on("close", stop);
}
