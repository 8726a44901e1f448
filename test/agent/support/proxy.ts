import http from "node:http";
import https from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { KeyPair } from "../../support/certificate.ts";

/** A proxy that passes bytes on after CONNECT, and keeps what it was asked for. */
export class ConnectProxy {
  readonly asked: { readonly target: string; readonly authorization: string | undefined }[] = [];
  /** What it answers to CONNECT; only 200 opens a tunnel. */
  status = 200;
  readonly #server: http.Server;
  readonly #sockets = new Set<Duplex>();
  readonly #scheme: string;

  private constructor(own?: KeyPair) {
    this.#server = own === undefined ? http.createServer() : https.createServer(own);
    this.#scheme = own === undefined ? "http" : "https";
    this.#server.on("connection", (socket: Socket) => this.#keep(socket));
    this.#server.on("connect", (request, client, head) => {
      const target = request.url ?? "";
      this.asked.push({ target, authorization: request.headers["proxy-authorization"] });
      if (this.status !== 200) {
        client.end(`HTTP/1.1 ${this.status} Refused\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      const { hostname, port } = new URL(`http://${target}`);
      const upstream = connect(Number(port), hostname, () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        upstream.write(head);
        upstream.pipe(client).pipe(upstream);
      });
      this.#keep(upstream);
      this.#keep(client);
    });
  }

  /** @param own what it speaks TLS with; plain HTTP without */
  static async open(own?: KeyPair): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(own);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** @param user `name:password@`, as it stands in a URL */
  url(user = ""): string {
    return `${this.#scheme}://${user}127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #keep(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#sockets.delete(socket));
  }
}
