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
 * The request message. A body that is just one message is taken at once. Everything else, broken or merely unusual,
 * goes through Connect's own reader from its first byte, so that both accept and refuse the same in the same words.
 */
export function requestMessage(source: RequestSource): Promise<Message> {
  return source.protocol.name === "connect" ? bareMessage(source) : framedMessage(source);
}

async function framedMessage(source: RequestSource): Promise<Message> {
  const { body, codec, maxBytes } = source;
  const read = await readBody(body, (start) => frameLimit(start, maxBytes));
  const frame = read.ended ? onlyFrame(joined(read)) : null;
  if (frame === null) return unusualFrames(source, read);
  if (!frame.compressed) return codec.parse(frame.data);
  if (source.compression === null) return unusualFrames(source, read);
  return codec.parse(await source.compression.decompress(frame.data, maxBytes));
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

async function bareMessage(source: RequestSource): Promise<Message> {
  const { headers, body, compression, codec, maxBytes } = source;
  const declared = headers["content-length"] ?? null;
  const read =
    declared !== null && Number(declared) > maxBytes ? unread : await readBody(body, () => maxBytes);
  const bytes = read.ended ? joined(read) : await readAllBytes(fromStart(read, body), maxBytes, declared);
  return codec.parse(compression === null ? bytes : await compression.decompress(bytes, maxBytes));
}

const unread: Body = { chunks: [], ended: false };
