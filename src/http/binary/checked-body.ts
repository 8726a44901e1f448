import {
  assertByteStreamRequest,
  type Compression,
  compressedFlag,
  encodeEnvelope,
  readAllBytes,
  transformSplitEnvelope,
  type UniversalHandler,
  type UniversalServerRequest,
} from "@connectrpc/connect/protocol";
import { type WireCheck, wireCheck } from "./wire-check.ts";

export interface CheckedBodyOptions {
  /** Largest message in bytes, packed and unpacked. */
  readonly readMaxBytes: number;
  readonly compressions: readonly Compression[];
}

/** Binary messages alone, and of those that stand alone or are framed. Text is checked where it is decoded. */
const binaryRegExp = /^application\/(grpc(-web)?(\+proto)?|connect\+proto|proto)\s*(;|$)/i;
const bareRegExp = /^application\/proto\s*(;|$)/i;

/**
 * Has the messages of a call that goes through Connect counted before Connect decodes them, as the hot path does with
 * its own. A message that is packed is unpacked here, since what it holds can be counted only then, and passed on as it
 * is. Nothing is read before Connect asks for it, which is after authentication.
 */
export function withCheckedBody(
  handler: UniversalHandler,
  { readMaxBytes, compressions }: CheckedBodyOptions,
): UniversalHandler {
  const check = wireCheck(handler.method.input);
  const byName = new Map(compressions.map((compression) => [compression.name, compression]));
  const serve = async (request: UniversalServerRequest) => {
    const type = request.header.get("content-type") ?? "";
    if (request.method !== "POST" || !binaryRegExp.test(type)) return handler(request);
    assertByteStreamRequest(request);
    return handler(bareRegExp.test(type) ? bare(request, request.body) : framed(request, request.body, type));
  };
  return Object.assign(serve, handler);

  function bare(request: UniversalServerRequest, body: AsyncIterable<Uint8Array>): UniversalServerRequest {
    const encoding = request.header.get("content-encoding");
    const compression = byName.get(encoding ?? "");
    // Connect refuses what it cannot unpack, before it reads.
    if (compression === undefined && encoding !== null && encoding !== "identity") return request;
    const header = new Headers(request.header);
    const length = header.get("content-length");
    header.delete("content-encoding");
    if (compression !== undefined) header.delete("content-length");
    // Without a list of what the client accepts, the answer is packed as the request was.
    if (compression !== undefined && !header.has("accept-encoding"))
      header.set("accept-encoding", compression.name);
    async function* checked() {
      const bytes = await readAllBytes(body, readMaxBytes, length);
      yield checkedMessage(check, compression === undefined ? bytes : await unpacked(compression, bytes));
    }
    return { ...request, header, body: checked() };
  }

  function framed(
    request: UniversalServerRequest,
    body: AsyncIterable<Uint8Array>,
    type: string,
  ): UniversalServerRequest {
    const named = type.toLowerCase().includes("connect") ? "connect-content-encoding" : "grpc-encoding";
    const compression = byName.get(request.header.get(named) ?? "");
    async function* checked() {
      for await (const { flags, data } of transformSplitEnvelope(readMaxBytes)(body)) {
        const isPacked = (flags & compressedFlag) !== 0;
        // Connect refuses what is packed without saying how.
        if (isPacked && compression === undefined) yield encodeEnvelope(flags, data);
        else {
          const message = isPacked && compression !== undefined ? await unpacked(compression, data) : data;
          yield encodeEnvelope(flags & ~compressedFlag, checkedMessage(check, message));
        }
      }
    }
    return { ...request, body: checked() };
  }

  function unpacked(compression: Compression, bytes: Uint8Array) {
    return bytes.length === 0 ? bytes : compression.decompress(Buffer.from(bytes), readMaxBytes);
  }
}

function checkedMessage<T extends Uint8Array>(check: WireCheck, message: T): T {
  check(message);
  return message;
}
