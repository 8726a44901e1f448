import http2 from "node:http2";
import net, { type AddressInfo } from "node:net";
import type { Limits } from "../../domain/limits/connection-limits.ts";
import { noCertificate, type ShownCertificate } from "../../domain/tokens/client-certificate.ts";
import type { HotPath } from "../hot/hot-path.ts";
import type { RequestHandler } from "../node-http.ts";
import { Connection } from "./connection.ts";
import { type Certificate, tlsFront } from "./handshake.ts";
import { httpServers, type Refusal } from "./http-servers.ts";
import { sniff, type Wire } from "./sniff.ts";
import { Strangers } from "./strangers.ts";

export interface ListenOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** With a certificate the port speaks TLS alone; without one, clear text alone. */
  readonly tls?: Certificate;
  readonly limits: Limits;
  readonly handler: RequestHandler;
  /** Gets every request first; what it does not take goes to `handler`. */
  readonly hot?: HotPath;
  /** Whether many clients may stand behind an address. Such addresses have no share of the connections. Default: none. */
  readonly isProxy?: (address: string) => boolean;
  /** Tells how long connections have been open, in milliseconds. Default: `performance.now`. */
  readonly monotonic?: () => number;
  /** A connection failed below HTTP (handshake, reset). Clients cause these: worth a debug line, no more. */
  readonly onConnectionError?: (error: Error, remoteAddress: string | undefined) => void;
}

export interface Listener {
  /** Scheme, host as given, and the real port. */
  readonly url: string;
  readonly port: number;
  /** Whether only this machine can reach it. */
  readonly loopback: boolean;
  /** Open connections, those that have not said anything yet included. */
  connections(): number;
  /** Connections without a good token that were closed to make room for others, since the start. */
  displaced(): number;
  /** Uses another certificate for handshakes from now on. Throws on a bad one, and when TLS is off. */
  setCertificate(certificate: Certificate): void;
  /**
   * Stops accepting, lets running calls finish, and destroys what still runs after `deadlineMs`. No socket is
   * open any more when this resolves. `forced` counts the calls that were cut off. Calling again gives the same answer.
   */
  close(deadlineMs: number): Promise<{ forced: number }>;
}

/** So many connections above the limit are told why; more are dropped without a word. */
const refusalRoom = 64;

const { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_INADEQUATE_SECURITY, NGHTTP2_PROTOCOL_ERROR } = http2.constants;
const tooMany: Refusal = {
  status: 503,
  code: "unavailable",
  message: "the server has too many connections",
  goaway: NGHTTP2_ENHANCE_YOUR_CALM,
};
const speaksTls: Refusal = {
  status: 400,
  code: "invalid_argument",
  message: "this port speaks TLS: use https://",
  goaway: NGHTTP2_INADEQUATE_SECURITY,
};
// Sent in clear text where a TLS record was expected: TLS clients recognise it ("HTTP response to HTTPS client").
const speaksClear: Refusal = {
  status: 400,
  code: "invalid_argument",
  message: "this port speaks clear text: use http://",
  goaway: NGHTTP2_PROTOCOL_ERROR,
};

/** Opens the port. Rejects with the system's error (EADDRINUSE, EACCES, …), or on a bad certificate. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { limits } = options;
  const open = new Map<net.Socket, Connection>();
  const strangers = new Strangers(limits.strangersPerAddress, options.monotonic ?? (() => performance.now()));
  let displaced = 0;
  const servers = httpServers(limits, options.handler, options.hot);
  const onFailedHandshake = (error: Error, socket: net.Socket) => {
    options.onConnectionError?.(error, socket.remoteAddress);
  };
  const secure = options.tls && tlsFront(options.tls, limits.headersTimeoutMs, onFailedHandshake);

  const scheme = secure === undefined ? "http" : "https";

  function displace(connection: Connection | undefined): void {
    if (connection === undefined) return;
    displaced += 1;
    strangers.remove(connection);
    // It is closed a moment later.
    open.delete(connection.socket);
    connection.destroy();
  }

  function accept(socket: net.Socket): void {
    if (open.size >= limits.connections) displace(strangers.first());
    if (open.size >= limits.connections + refusalRoom) {
      socket.destroy();
      return;
    }
    const full = open.size >= limits.connections;
    const connection = new Connection(socket, scheme, limits.idleTimeoutMs, {
      shown: () => strangers.remove(connection),
      answeredWithout: () => strangers.answered(connection),
    });
    open.set(socket, connection);
    const { remoteAddress } = connection;
    if (!full && !options.isProxy?.(remoteAddress)) {
      strangers.add(connection);
      // While there is room for all, an address may be that of many runners.
      if (2 * open.size >= limits.connections) displace(strangers.beyondShare(remoteAddress));
    }
    socket.once("close", () => {
      open.delete(socket);
      strangers.remove(connection);
    });
    socket.on("error", (error) => options.onConnectionError?.(error, socket.remoteAddress));
    const serve = (wire: "http1" | "http2", on: net.Socket, shown: ShownCertificate = noCertificate) => {
      connection.clientCertificate = shown;
      if (full) servers.refuse(wire, on, tooMany);
      else servers.serve(wire, connection, on);
    };
    const onWire = (wire: Wire) => {
      if (wire === "tls" && secure === undefined) servers.refuse("http1", socket, speaksClear);
      else if (wire === "tls") secure?.handshake(socket, serve);
      else if (secure === undefined) serve(wire, socket);
      else servers.refuse(wire, socket, speaksTls);
    };
    sniff(socket, limits.headersTimeoutMs, onWire, () => socket.destroy());
  }

  // Half-open sockets: an HTTP/1.1 client may end its side after the request and still wants the answer.
  // TCP keep-alive finds peers that vanished while a stream was open to them.
  const server = net.createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, accept);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port, address } = server.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  let closed: Promise<{ forced: number }> | undefined;
  return {
    url: `${scheme}://${host}:${port}`,
    port,
    loopback: /^(127\.|::1$|::ffff:127\.)/.test(address),
    connections: () => open.size,
    displaced: () => displaced,
    setCertificate(certificate) {
      if (secure === undefined) throw new Error("this listener does not speak TLS");
      secure.setCertificate(certificate);
    },
    close(deadlineMs) {
      closed ??= shutDown(server, open, deadlineMs);
      return closed;
    },
  };
}

async function shutDown(server: net.Server, open: ReadonlyMap<net.Socket, Connection>, deadlineMs: number) {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const gone = [...open.keys()].map((socket) => new Promise((resolve) => socket.once("close", resolve)));
  for (const connection of [...open.values()]) connection.drain();
  let forced = 0;
  const deadline = setTimeout(() => {
    for (const connection of [...open.values()]) forced += connection.destroy();
  }, deadlineMs);
  await Promise.all([closed, ...gone]);
  clearTimeout(deadline);
  return { forced };
}
