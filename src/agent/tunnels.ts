import { isIP, type Socket } from "node:net";
import { connect } from "node:tls";
import type { Http2SessionManager } from "@connectrpc/connect-node";
import { hostOf } from "./proxy.ts";
import { openTunnel } from "./tunnel.ts";

/** Options of TLS; what a file holds is read whenever it is asked for. */
export interface TlsFiles {
  readonly ca?: Buffer | (string | Buffer)[];
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/**
 * The tunnels of one connection. http2.connect takes a socket and no promise of one, and Connect loses answers over
 * streams that are not sockets of Node itself: so a tunnel is opened before the call that needs it.
 */
export class Tunnels {
  readonly #proxy: URL;
  readonly #server: URL;
  readonly #tls: TlsFiles;
  #spare: Promise<Socket> | null = null;
  #open: Socket | null = null;
  #ended = false;

  constructor(proxy: URL, server: URL, tls: TlsFiles) {
    this.#proxy = proxy;
    this.#server = server;
    this.#tls = tls;
  }

  /**
   * Has a tunnel open when the next call is going to connect.
   * @throws Error that names the proxy
   */
  async ready(state: ReturnType<Http2SessionManager["state"]>, signal?: AbortSignal): Promise<void> {
    if (state !== "closed" && state !== "error") return;
    if (this.#open !== null && !this.#open.destroyed) return;
    this.#open = null;
    this.#spare ??= this.#dig(signal);
    await this.#spare;
  }

  /**
   * The tunnel that is ready, with TLS inside of it for https.
   * @throws Error when there is none: the connection ended with the call under way, which is tried again
   */
  take(): Socket {
    const socket = this.#open;
    this.#open = null;
    if (socket === null) throw new Error("the tunnel through the proxy has ended");
    if (this.#server.protocol === "http:") return socket;
    const host = hostOf(this.#server);
    const name = isIP(host) === 0 ? { servername: host } : {};
    return connect({ ...this.#tls, ...name, host, socket, ALPNProtocols: ["h2"] });
  }

  end(): void {
    this.#ended = true;
    this.#open?.destroy();
  }

  async #dig(signal?: AbortSignal): Promise<Socket> {
    const { ca } = this.#tls;
    try {
      const proxy = { url: this.#proxy, ...(ca !== undefined && { ca }) };
      const socket = await openTunnel(proxy, this.#server, signal);
      if (this.#ended) socket.destroy();
      this.#open = socket;
      return socket;
    } finally {
      this.#spare = null;
    }
  }
}
