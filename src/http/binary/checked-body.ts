import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { ConnectError } from "@connectrpc/connect";
import {
  assertByteStreamRequest,
  type Compression,
  compressedFlag,
  createAsyncIterable,
  encodeEnvelope,
  readAllBytes,
  transformSplitEnvelope,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { type WireCheck, wireCheck } from "./wire-check.ts";

export interface CheckedBodyOptions {
  /** Largest message in bytes, packed and unpacked. */
  readonly readMaxBytes: number;
  readonly compressions: readonly Compression[];
}

/** Bytes that the message of a GET may have once it is unpacked. Before authentication, so they are few. */
const mostUnpackedOfGet = 64 * 1024;

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
    if (request.method === "GET") return unpackedGet(request);
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

  /** The message of a GET is in its URL, which headers bound: what it unpacks to is bounded likewise. */
  async function unpackedGet(request: UniversalServerRequest): Promise<UniversalServerResponse> {
    const url = new URL(request.url);
    const { searchParams } = url;
    const compression = byName.get(searchParams.get("compression") ?? "");
    if (compression === undefined || searchParams.get("base64") !== "1") return handler(request);
    try {
      const packed = Buffer.from(base64Decode(searchParams.get("message") ?? ""));
      const message = await compression.decompress(packed, mostUnpackedOfGet);
      searchParams.delete("compression");
      searchParams.set("message", base64Encode(message, "url"));
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      const body = errorToJsonBytes(new ConnectError(rawMessage, code), undefined);
      const header = new Headers({ "content-type": "application/json" });
      return { status: codeToHttpStatus(code), header, body: createAsyncIterable([body]) };
    }
    return handler({ ...request, url: url.href });
  }
}

function checkedMessage<T extends Uint8Array>(check: WireCheck, message: T): T {
  check(message);
  return message;
}
