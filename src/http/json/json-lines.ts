import { Code, ConnectError, createContextValues } from "@connectrpc/connect";
import {
  assertByteStreamRequest,
  compressedFlag,
  createAsyncIterable,
  encodeEnvelope,
  readAllBytes,
  transformSplitEnvelope,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
  untilFirst,
} from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  contentTypeStreamJson,
  endStreamFlag,
  endStreamFromJson,
  errorToJsonBytes,
  headerContentType,
  headerStreamAcceptEncoding,
  headerStreamEncoding,
  headerUnaryContentLength,
  headerUnaryEncoding,
} from "@connectrpc/connect/protocol-connect";
import { fillSilence } from "../../lib/fill-silence.ts";
import { sendHeadersKey, silenceFilledKey } from "../../rpc/call/context.ts";

/** The media type of JSON lines. */
export const linesType = "application/jsonl";
const linesRegExp = /^application\/jsonl\s*(;|$)/i;
const jsonRegExp = /^application\/json\s*(;|$)/i;

/** The Python SDK looks at a stream so many bytes at a time, and a line that does not fill them would wait there. */
const lineUnit = 64;
const blank = Buffer.from(" ");
/** Connect's handler made the envelopes: there is nothing to guard against. */
const anyLength = 0xffffffff;

export interface JsonLinesOptions {
  /** Largest request message in bytes. */
  readonly readMaxBytes?: number | undefined;
  /** Milliseconds without a message after which a blank is sent. */
  readonly silenceMs?: number | undefined;
}

/**
 * Serves the streams of a method as JSON lines too, as official SDKs that are made from an OpenAPI description
 * read them: one message in the body of a POST, one line of JSON for every message of the answer, and nothing
 * around it. Asked for by the content type `application/jsonl`, or by accepting it with a body of JSON.
 *
 * Such a call is passed on as a stream of Connect's protocol, so that it is authenticated, limited, checked and
 * cancelled like every other. An error before the answer has begun is told as that of a unary call; JSON lines
 * have no words for a later one, so that the answer is cut: a proper end would say that it is complete.
 *
 * The Python SDK gives a stream up when it hears nothing for a minute. So now and then a blank goes ahead of a
 * line that is not there yet, which JSON allows; an empty line would not do, because that is no JSON.
 */
export function withJsonLines(handler: UniversalHandler, options: JsonLinesOptions = {}): UniversalHandler {
  const { readMaxBytes = anyLength, silenceMs = 30_000 } = options;
  if (handler.method.methodKind !== "server_streaming") return handler;
  const serve = async (request: UniversalServerRequest): Promise<UniversalServerResponse> => {
    if (!asksForLines(request)) return handler(request);
    const contextValues = request.contextValues ?? createContextValues();
    const sendHeaders = contextValues.get(sendHeadersKey);
    let begun = false;
    contextValues.set(silenceFilledKey, true);
    contextValues.set(sendHeadersKey, (header) => {
      begun = true;
      sendHeaders(linesHeader(header));
    });
    const answer = handler({ ...connectStream(request, readMaxBytes), contextValues });
    try {
      const body = await untilFirst(lines(answer, silenceMs, () => begun));
      // When they are out already, the answer itself may not be there yet.
      const header = begun ? new Headers() : linesHeader((await answer).header);
      begun = true;
      return { status: 200, header, body };
    } catch (error) {
      if (begun || !(error instanceof ConnectError)) throw error;
      return errorAnswer(error);
    }
  };
  return Object.assign(serve, handler);
}

function asksForLines({ method, header }: UniversalServerRequest): boolean {
  const sent = header.get(headerContentType) ?? "";
  const accepted = () =>
    (header.get("accept") ?? "").split(",").some((type) => linesRegExp.test(type.trim()));
  return method === "POST" && (linesRegExp.test(sent) || (jsonRegExp.test(sent) && accepted()));
}

/** The call as Connect knows it: the whole body in one envelope. Connect takes its compression from another header. */
function connectStream(request: UniversalServerRequest, readMaxBytes: number): UniversalServerRequest {
  assertByteStreamRequest(request);
  const { body } = request;
  const header = new Headers(request.header);
  const encoding = header.get(headerUnaryEncoding);
  header.set(headerContentType, contentTypeStreamJson);
  header.delete(headerUnaryEncoding);
  header.set(headerStreamAcceptEncoding, "identity");
  if (encoding === null) header.delete(headerStreamEncoding);
  else header.set(headerStreamEncoding, encoding);
  const flags = encoding === null || encoding === "identity" ? 0 : compressedFlag;
  // Read only when Connect asks for it, which is after authentication.
  async function* envelope() {
    yield encodeEnvelope(flags, await readAllBytes(body, readMaxBytes, header.get(headerUnaryContentLength)));
  }
  return { ...request, header, body: envelope() };
}

/** @throws ConnectError what the stream ended with; `aborted`, which the client is not told, once it has begun */
async function* lines(
  answer: Promise<UniversalServerResponse>,
  silenceMs: number,
  begun: () => boolean,
): AsyncGenerator<Uint8Array> {
  let blanks = 0;
  for await (const envelope of fillSilence(envelopes(answer), silenceMs, undefined)) {
    if (envelope === undefined) {
      if (!begun()) continue;
      blanks += 1;
      yield blank;
    } else if ((envelope.flags & endStreamFlag) === 0) {
      yield line(envelope.data, blanks);
      blanks = 0;
    } else {
      const { error } = endStreamFromJson(envelope.data);
      if (error !== undefined && !begun()) throw error;
      // A line of blanks alone would be no JSON.
      if (error !== undefined || blanks > 0) throw new ConnectError("cut", Code.Aborted);
    }
  }
}

/** Connect's handler gives no answer before the first message, or the end. */
async function* envelopes(answer: Promise<UniversalServerResponse>) {
  yield* transformSplitEnvelope(anyLength)((await answer).body ?? createAsyncIterable([]));
}

/** @param sent how many bytes of the line were sent before */
function line(json: Uint8Array, sent: number): Uint8Array {
  const end = Math.ceil((sent + json.byteLength + 1) / lineUnit) * lineUnit - sent;
  const bytes = Buffer.alloc(end, " ");
  bytes.set(json);
  bytes[end - 1] = 0x0a;
  return bytes;
}

function linesHeader(from: Headers | undefined): Headers {
  const header = new Headers(from);
  header.set(headerContentType, linesType);
  return header;
}

function errorAnswer(error: ConnectError): UniversalServerResponse {
  const header = new Headers(error.metadata);
  header.set(headerContentType, "application/json");
  const body = createAsyncIterable([errorToJsonBytes(error, undefined)]);
  return { status: codeToHttpStatus(error.code), header, body };
}
