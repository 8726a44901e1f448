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
import type { Awaitable } from "../../domain/awaitable.ts";
import { type Body, type BodySource, fromStart, joined, readBody } from "./body.ts";
import { frameLimit, onlyFrame } from "./frame.ts";
import type { HotProtocol } from "./protocol.ts";

/** Where a request comes from and how to read it. */
export interface RequestSource {
  readonly protocol: HotProtocol;
  readonly headers: IncomingHttpHeaders;
  readonly body: BodySource;
  readonly compression: Compression | null;
  readonly codec: Serialization<Message>;
  readonly maxBytes: number;
}

/**
 * Reads the request message, and calls back with it or with a promise of it. A body that is just one message is taken
 * at once. Everything else, broken or merely unusual, goes through Connect's own reader from its first byte, so that
 * both accept and refuse the same in the same words.
 * @param done may throw, as decoding may: `failed` hears both
 */
export function readMessage(
  source: RequestSource,
  done: (message: Awaitable<Message>) => void,
  failed: (error: unknown) => void,
): void {
  const { protocol, headers, body, maxBytes } = source;
  const isBare = protocol.name === "connect";
  const read = (whole: Body) => {
    try {
      done(isBare ? bareMessage(source, whole) : framedMessage(source, whole));
    } catch (error) {
      failed(error);
    }
  };
  if (!isBare) readBody(body, (start) => frameLimit(start, maxBytes), read, failed);
  else if (Number(headers["content-length"] ?? 0) > maxBytes) read(unread);
  else readBody(body, () => maxBytes, read, failed);
}

function framedMessage(source: RequestSource, read: Body): Awaitable<Message> {
  const { codec, compression, maxBytes } = source;
  const frame = read.ended ? onlyFrame(joined(read)) : null;
  if (frame === null) return unusualFrames(source, read);
  if (!frame.compressed) return codec.parse(frame.data);
  if (compression === null) return unusualFrames(source, read);
  return compression.decompress(frame.data, maxBytes).then(codec.parse);
}

async function unusualFrames(source: RequestSource, read: Body): Promise<Message> {
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

function bareMessage(source: RequestSource, read: Body): Awaitable<Message> {
  const { codec, compression } = source;
  return read.ended && compression === null ? codec.parse(joined(read)) : unusualBody(source, read);
}

async function unusualBody(source: RequestSource, read: Body): Promise<Message> {
  const { headers, body, compression, codec, maxBytes } = source;
  const declared = headers["content-length"] ?? null;
  const bytes = read.ended ? joined(read) : await readAllBytes(fromStart(read, body), maxBytes, declared);
  return codec.parse(compression === null ? bytes : await compression.decompress(bytes, maxBytes));
}

const unread: Body = { chunks: [], ended: false };
