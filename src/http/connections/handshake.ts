import { constants, createHash } from "node:crypto";
import type { Socket } from "node:net";
import tls from "node:tls";
import { noCertificate, type ShownCertificate } from "../../domain/tokens/client-certificate.ts";

/** PEM texts. */
export interface Certificate {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /**
   * The authorities whose certificates clients are asked for. Default: no client is asked, also after `setCertificate`.
   * Clients are served whatever they show; who must show what is decided call by call.
   */
  readonly clientCa?: string | Buffer;
}

type OnSecure = (wire: "http1" | "http2", inner: Socket, shown: ShownCertificate) => void;

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
  const asksClients = certificate.clientCa !== undefined;
  const server = tls.createServer({
    ...contextOf(certificate),
    requestCert: asksClients,
    rejectUnauthorized: false,
    ALPNProtocols: ["h2", "http/1.1"],
    handshakeTimeout: handshakeTimeoutMs,
  });
  // Node says which inner socket is secure, but not which accepted one it runs on: their addresses are the same.
  const waiting = new Map<string, OnSecure>();

  server.on("secureConnection", (inner) => {
    const onSecure = waiting.get(addresses(inner));
    if (onSecure === undefined) inner.destroy();
    else {
      const wire = inner.alpnProtocol === "h2" ? "http2" : "http1";
      onSecure(wire, inner, asksClients ? shownBy(inner) : noCertificate);
    }
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
    setCertificate: (next) => server.setSecureContext(contextOf(next)),
  };
}

function contextOf({ clientCa, ...own }: Certificate): tls.SecureContextOptions {
  // The rest is Node's: its ciphers and groups, chosen in the server's order.
  const secureOptions = constants.SSL_OP_NO_RENEGOTIATION;
  return { ...own, minVersion: "TLSv1.2", secureOptions, ...(clientCa !== undefined && { ca: clientCa }) };
}

/** What the client of a handshake has shown; a resumed session is of the client that it began with. */
function shownBy(inner: tls.TLSSocket): ShownCertificate {
  const certificate = inner.getPeerX509Certificate();
  if (certificate === undefined) return noCertificate;
  if (!inner.authorized) return { kind: "invalid", why: String(inner.authorizationError) };
  const { subject, subjectAltName, fingerprint256 } = certificate;
  // A certificate without any name equals only itself.
  const name = [subject, subjectAltName].filter(Boolean).join("\n") || fingerprint256;
  return { kind: "valid", name: createHash("sha256").update(name).digest() };
}

function addresses(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
}
