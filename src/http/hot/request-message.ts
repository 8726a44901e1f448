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
import { type Body, type BodySource, fromStart, joined, onlyFrame, readBody } from "./body.ts";
import type { Codec } from "./codec.ts";
import type { Encodings } from "./encoding.ts";
import type { HotProtocol } from "./protocol.ts";

/** Whoever waits for its request. */
export interface Asked {
  readonly admitted: {
    readonly protocol: HotProtocol;
    readonly codec: Pick<Codec, "request">;
    readonly headers: IncomingHttpHeaders;
    readonly encodings: Encodings;
  };
  readonly body: BodySource;
  readonly options: { readonly readMaxBytes: number };
  /** Here it is, or a promise of it. May throw: failed() hears that too. */
  received(message: Awaitable<Message>): void;
  /** It cannot be read. */
  failed(error: unknown): void;
}

interface Source {
  readonly body: BodySource;
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
  const { protocol, headers } = asked.admitted;
  const maxBytes = asked.options.readMaxBytes;
  const isBare = protocol.name === "connect";
  const isTooLong = isBare && Number(headers["content-length"] ?? 0) > maxBytes;
  const read = (whole: Body) => {
    try {
      asked.received(messageOf(asked, whole));
    } catch (error) {
      asked.failed(error);
    }
  };
  if (isTooLong) read(unread);
  else readBody(asked.body, maxBytes, !isBare, read, asked);
}

function messageOf({ admitted, body, options }: Asked, read: Body): Awaitable<Message> {
  const { protocol, headers, encodings } = admitted;
  const codec = admitted.codec.request;
  const maxBytes = options.readMaxBytes;
  const compression = encodings.request;
  const isBare = protocol.name === "connect";
  if (read.ended && isBare && compression === null) return codec.parse(joined(read));
  if (read.ended && !isBare) {
    const frame = onlyFrame(joined(read));
    if (frame !== null && !frame.compressed) return codec.parse(frame.data);
    if (frame !== null && compression !== null) {
      return compression.decompress(frame.data, maxBytes).then(codec.parse);
    }
  }
  const source = { body, headers, protocol, compression, codec, maxBytes };
  return isBare ? unusualBody(source, read) : unusualFrames(source, read);
}

async function unusualFrames(source: Source, read: Body): Promise<Message> {
  const { protocol, body, compression, codec, maxBytes } = source;
  const messages = pipe(
    fromStart(read, body),
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
  const { headers, body, compression, codec, maxBytes } = source;
  const declared = headers["content-length"] ?? null;
  const bytes = read.ended ? joined(read) : await readAllBytes(fromStart(read, body), maxBytes, declared);
  return codec.parse(compression === null ? bytes : await compression.decompress(bytes, maxBytes));
}

const unread: Body = { chunks: [], ended: false };
