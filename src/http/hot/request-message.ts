import type { IncomingHttpHeaders } from "node:http";
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type Compression,
  pipe,
  readAllBytes,
  type Serialization,
  transformDecompressEnvelope,
  transformParseEnvelope,
  transformSplitEnvelope,
} from "@connectrpc/connect/protocol";
import { trailerFlag } from "@connectrpc/connect/protocol-grpc-web";
import type { Awaitable } from "../../lib/awaitable.ts";
import { asRead, type Body, type BodyRoom, type BodySource, RequestBody } from "../request-body.ts";
import { onlyFrame } from "./body.ts";
import type { Codec } from "./codec.ts";
import type { Encodings } from "./encoding.ts";
import type { HotProtocol } from "./protocol.ts";

/** An exchange that waits for its request. */
export interface Asked {
  readonly admitted: {
    readonly method: { readonly room: BodyRoom };
    readonly protocol: HotProtocol;
    readonly codec: Pick<Codec, "request">;
    readonly headers: IncomingHttpHeaders;
    readonly encodings: Encodings;
  };
  readonly body: BodySource;
  /** Here it is, or a promise of it. May throw: failed() hears that too. */
  received(message: Awaitable<Message>): void;
  /** It cannot be read. */
  failed(error: unknown): void;
}

interface Source {
  readonly headers: IncomingHttpHeaders;
  readonly protocol: HotProtocol;
  readonly compression: Compression | null;
  readonly codec: Serialization<Message>;
  readonly maxBytes: number;
}

/**
 * Reads the request message. A body that is just one message is taken at once. Everything else, broken or merely
 * unusual, goes through Connect's own reader from its first byte, so that both accept and refuse the same in the same
 * words.
 */
export function readMessage(asked: Asked): void {
  const { protocol, headers, method } = asked.admitted;
  const isFramed = protocol.name !== "connect";
  const declared = headers["content-length"];
  const declaredBytes = declared === undefined ? undefined : Number(declared);
  const read = (body: Body) => {
    try {
      asked.received(messageOf(asked, body));
    } catch (error) {
      asked.failed(error);
    }
  };
  if (!isFramed && declaredBytes !== undefined && declaredBytes > method.room.maxBytes) {
    read(unread);
    return;
  }
  const failed = (error: unknown) => asked.failed(error);
  new RequestBody(asked.body, method.room, { isFramed, declaredBytes }, { read, failed }).start();
}

function messageOf({ admitted }: Asked, read: Body): Awaitable<Message> {
  const { protocol, headers, encodings, method } = admitted;
  const codec = admitted.codec.request;
  const { maxBytes } = method.room;
  const compression = encodings.request;
  const isBare = protocol.name === "connect";
  if (read.ended && isBare && compression === null) return codec.parse(read.bytes);
  if (read.ended && !isBare) {
    const frame = onlyFrame(read.bytes);
    if (frame !== null && !frame.compressed) return codec.parse(frame.data);
    if (frame !== null && compression !== null) {
      return compression.decompress(frame.data, maxBytes).then(codec.parse);
    }
  }
  const source = { headers, protocol, compression, codec, maxBytes };
  return isBare ? unusualBody(source, read) : unusualFrames(source, read);
}

async function unusualFrames(source: Source, read: Body): Promise<Message> {
  const { protocol, compression, codec, maxBytes } = source;
  const messages = pipe(
    asRead(read),
    transformSplitEnvelope(maxBytes),
    transformDecompressEnvelope(compression, maxBytes),
    protocol.name === "grpc-web" ? transformParseEnvelope(codec, trailerFlag) : transformParseEnvelope(codec),
  )[Symbol.asyncIterator]();
  const first = await messages.next();
  if (first.done === true) {
    throw new ConnectError("protocol error: missing input message for unary method", Code.Unimplemented);
  }
  if ((await messages.next()).done !== true) {
    throw new ConnectError(
      "protocol error: received extra input message for unary method",
      Code.Unimplemented,
    );
  }
  return first.value;
}

async function unusualBody(source: Source, read: Body): Promise<Message> {
  const { headers, compression, codec, maxBytes } = source;
  const declared = headers["content-length"] ?? null;
  const bytes = read.ended ? read.bytes : await readAllBytes(asRead(read), maxBytes, declared);
  return codec.parse(compression === null ? bytes : await compression.decompress(bytes, maxBytes));
}

const unread: Body = { bytes: Buffer.alloc(0), ended: false };
