import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";

/**
 * Speaks TLS on a socket whose first bytes were a TLS record, and hands over the inner socket once the handshake
 * is done, with what ALPN chose; a client without ALPN gets HTTP/1.1. A handshake that fails or takes longer
 * than `timeoutMs` closes the socket.
 *
 * The server side of `tls` does the same but never says which accepted socket an inner one belongs to.
 */
export function handshake(
  socket: Socket,
  secureContext: SecureContext | undefined,
  timeoutMs: number,
  onSecure: (wire: "http1" | "http2", inner: Socket) => void,
  onError: (error: Error) => void,
): void {
  const inner = new TLSSocket(socket, {
    isServer: true,
    ALPNProtocols: ["h2", "http/1.1"],
    ...(secureContext && { secureContext }),
  });
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  socket.once("close", () => {
    clearTimeout(timer);
    inner.destroy();
  });
  inner.on("error", (error) => {
    onError(error);
    socket.destroy();
  });
  inner.once("secure", () => {
    clearTimeout(timer);
    onSecure(inner.alpnProtocol === "h2" ? "http2" : "http1", inner);
  });
}
