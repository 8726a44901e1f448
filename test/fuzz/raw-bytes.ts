import net from "node:net";
import { endHeaders, endStream, frame, getBlock, h2, postBlock, uint32 } from "../http/support/h2-frames.ts";
import { http2Opening } from "../http/support/raw.ts";
import type { Request } from "./calls.ts";
import type { Random } from "./random.ts";

/** A request as HTTP/1.1 writes it. */
export function http1Bytes({ method, path, headers, body }: Request): Buffer {
  const lines = Object.entries({ host: "x", "content-length": String(body.length), ...headers });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n`, "latin1"), body]);
}

/** Whatever may arrive on a port: noise, damaged HTTP/1.1, frames of HTTP/2 in any order, the start of TLS. */
export function randomBytes(random: Random, call: Request): Buffer {
  const http1 = http1Bytes(call);
  switch (random.below(7)) {
    case 6:
      return random.chance(50) ? tinyChunks(call) : Buffer.concat([http2Opening, tinyFrames(random, call)]);
    case 0:
      return random.bytes(random.below(200));
    case 1:
      return random.damaged(http1);
    case 2:
      return Buffer.concat([http1, random.damaged(http1)]);
    case 3:
      return Buffer.concat([Buffer.from([0x16, 0x03, 0x01]), random.bytes(random.below(300))]);
    case 4:
      return random.damaged(Buffer.concat([http2Opening, frames(random, call)]));
    default:
      return Buffer.concat([http2Opening, frames(random, call)]);
  }
}

/** A body in chunks of one byte that does not end. */
function tinyChunks({ path, headers }: Request): Buffer {
  const lines = Object.entries({ host: "x", "transfer-encoding": "chunked", ...headers });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n${"1\r\n \r\n".repeat(5000)}`, "latin1");
}

/** The same in frames. */
function tinyFrames(random: Random, { path }: Request): Buffer {
  const type = random.of(["application/grpc", "application/grpc+json", "application/json"]);
  const piece = frame(h2.data, 0, 1, Buffer.from(" "));
  const begin = frame(h2.headers, endHeaders, 1, postBlock(path.slice(0, 120), type));
  return Buffer.concat([begin, ...Array.from({ length: 5000 }, () => piece)]);
}

function frames(random: Random, { path }: Request): Buffer {
  const block = getBlock(path.slice(0, 120));
  const one = (): Buffer => {
    const stream = random.of([0, 1, 1, 3, 5, 2, 2 ** 31 - 1]);
    switch (random.below(7)) {
      case 0:
        return frame(h2.headers, endHeaders | (random.chance(50) ? endStream : 0), stream, block);
      case 1:
        return frame(h2.headers, random.below(256), stream, random.damaged(block));
      case 2:
        return frame(h2.data, random.below(2), stream, random.bytes(random.below(100)));
      case 3:
        return frame(
          h2.settings,
          0,
          0,
          Buffer.concat([Buffer.from([0, random.below(8)]), uint32(random.below(2 ** 31))]),
        );
      case 4:
        return frame(h2.windowUpdate, 0, stream, uint32(random.below(2 ** 31)));
      case 5:
        return frame(h2.rstStream, 0, stream, uint32(random.below(14)));
      default:
        return frame(random.below(12), random.below(256), stream, random.bytes(random.below(40)));
    }
  };
  return Buffer.concat(Array.from({ length: 1 + random.below(8) }, one));
}

/** Sends, ends its side, and takes what comes back until the server closes. Rejects when it does not. */
export function sendRaw(port: number, bytes: Buffer, boundMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: "127.0.0.1" });
    let received = "";
    const timer = setTimeout(() => {
      reject(new Error("the connection stayed open"));
      socket.destroy();
    }, boundMs);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      if (received.length < 100_000) received += chunk.toString("latin1");
    });
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(received);
    });
    socket.end(bytes);
  });
}
