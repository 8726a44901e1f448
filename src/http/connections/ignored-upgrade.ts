import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";

// Some clients offer another protocol with their requests (`Upgrade: h2c`), which a server may ignore (RFC 9110, section
// 7.8). Node's parser stops behind such a request, even if the offer is ignored, and loses what came in the same piece: a
// request that was sent right behind it would never be answered. So the offer is taken away before the parser sees it, or
// the request is put back without it and read again.

/** What an offer is made of. `Connection` may name other headers as well, of which `close` alone means something. */
const offer: ReadonlySet<string> = new Set(["upgrade", "http2-settings", "connection"]);
const upgradeField = /(?<=\r\n)upgrade(?=:)/gi;
/** Of the same length, so that nothing moves. */
const nobodysField = "x-offer";

/** Takes the offer out of what a client has sent first, where nearly all of them make it. */
export function dropFirstOffer(socket: Socket): void {
  const sent: Buffer | null = socket.read();
  if (sent === null) return;
  const end = sent.indexOf("\r\n\r\n");
  const head = end < 0 ? sent : sent.subarray(0, end);
  head.write(head.toString("latin1").replace(upgradeField, nobodysField), "latin1");
  socket.unshift(sent);
}

/**
 * Puts later requests that make an offer back without it. Not those with a body, since what follows the body is lost by
 * then: no client that sends further requests before it has its answer is known to make offers with them. And not where
 * earlier answers of the connection are still to be given: Node would not tell those any more that their client has gone.
 */
export function putsBack({ headers }: IncomingMessage, isBusy: boolean): boolean {
  return !isBusy && headers["content-length"] === undefined && headers["transfer-encoding"] === undefined;
}

/** @param isBusy whether answers of a connection are still to be given */
export function ignoreUpgrades(server: Server, isBusy: (socket: object) => boolean): void {
  server.on("upgrade", (req, socket, rest) => {
    // Before Node 24.9 the server was not asked whether to put it back.
    if (!putsBack(req, isBusy(socket))) {
      socket.destroy();
      return;
    }
    socket.unshift(Buffer.concat([headWithoutOffer(req), rest]));
    server.emit("connection", socket);
  });
}

function headWithoutOffer({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = rawHeaders.slice(at, at + 2);
    if (!offer.has(name.toLowerCase())) lines.push(`${name}: ${value}`);
    else if (name.toLowerCase() === "connection" && /\bclose\b/i.test(value)) lines.push("Connection: close");
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}
