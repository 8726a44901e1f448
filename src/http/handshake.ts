import type { Socket } from "node:net";
import tls from "node:tls";

/** PEM texts. */
export interface Certificate {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** Signed the certificates that clients must show. Default: they show none, also after `setCertificate`. */
  readonly clientCa?: string | Buffer;
}

type OnSecure = (wire: "http1" | "http2", inner: Socket) => void;

export interface TlsFront {
  /**
   * Speaks TLS on a socket whose first bytes were a TLS record, and hands over the inner socket with what ALPN
   * chose; a client without ALPN gets HTTP/1.1. A handshake that fails or takes too long closes the socket.
   */
  handshake(socket: Socket, onSecure: OnSecure): void;
  /** Handshakes use this certificate from now on. Throws on a bad one, and keeps the old one then. */
  setCertificate(certificate: Certificate): void;
}

/** Throws on a bad certificate. */
export function tlsFront(
  certificate: Certificate,
  handshakeTimeoutMs: number,
  onError: (error: Error, socket: Socket) => void,
): TlsFront {
  const server = tls.createServer({
    ...contextOf(certificate),
    requestCert: certificate.clientCa !== undefined,
    ALPNProtocols: ["h2", "http/1.1"],
    handshakeTimeout: handshakeTimeoutMs,
  });
  // Node says which inner socket is secure, but not which accepted one it runs on: their addresses are the same.
  const waiting = new Map<string, OnSecure>();

  server.on("secureConnection", (inner) => {
    const onSecure = waiting.get(addresses(inner));
    if (onSecure === undefined) inner.destroy();
    else onSecure(inner.alpnProtocol === "h2" ? "http2" : "http1", inner);
  });
  server.on("tlsClientError", (error, inner) => {
    onError(error, inner);
    inner.destroy();
  });
  return {
    handshake(socket, onSecure) {
      const key = addresses(socket);
      waiting.set(key, onSecure);
      socket.once("close", () => waiting.delete(key));
      server.emit("connection", socket);
    },
    setCertificate: (next) => server.setSecureContext(contextOf({ ...certificate, ...next })),
  };
}

function contextOf({ clientCa, ...own }: Certificate): tls.SecureContextOptions {
  // The rest is Node's: its ciphers and groups, chosen in the server's order.
  return { ...own, minVersion: "TLSv1.2", ...(clientCa !== undefined && { ca: clientCa }) };
}

function addresses(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
}
