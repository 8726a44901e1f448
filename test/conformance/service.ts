import { setTimeout as delay } from "node:timers/promises";
import { create, type FileRegistry, type Message } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { ConnectError, type ConnectRouter, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { sendHeadersKey } from "../../src/rpc/call/context.ts";
import {
  type BidiRequest,
  conformanceService,
  type ErrorDefinition,
  type Header,
  messageOf,
  type StreamDefinition,
  type StreamRequest,
  type UnaryDefinition,
  type UnaryRequest,
} from "./messages.ts";

/**
 * The suite's service, which answers as each request asks it to; its service.proto says how. `Unimplemented`
 * stays out, as a method of ours that does not exist yet would.
 */
export function conformanceRoutes(schema: FileRegistry): (router: ConnectRouter) => void {
  const requestInfo = messageOf(schema, "ConformancePayload.RequestInfo");

  const pack = (message: Message): Any => anyPack(messageOf(schema, shortName(message)), message);

  /** What the server saw of a call, with the requests that it has not told of before. */
  function infoOf(context: HandlerContext, requests: readonly Message[]): Message {
    const timeoutMs = context.timeoutMs();
    return create(requestInfo, {
      requestHeaders: headersOf(context.requestHeader),
      requests: requests.map(pack),
      ...(timeoutMs !== undefined && { timeoutMs: BigInt(Math.ceil(timeoutMs)) }),
      ...(context.requestMethod === "GET" && {
        connectGetInfo: { queryParams: headersOf(new URL(context.url).searchParams) },
      }),
    });
  }

  const payload = (data: Uint8Array | undefined, info: Message | undefined) => ({
    payload: { ...(data && { data }), ...(info && { requestInfo: info }) },
  });

  function failure(error: ErrorDefinition, info?: Message): ConnectError {
    const failed = new ConnectError(error.message ?? "", error.code);
    const details = [...error.details, ...(info ? [pack(info)] : [])];
    // Already packed, so they are given as they are received: by name and bytes.
    failed.details = details.map(({ typeUrl, value }) => ({
      type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
      value,
    }));
    return failed;
  }

  async function answerOnce(
    definition: UnaryDefinition | undefined,
    requests: readonly Message[],
    context: HandlerContext,
  ) {
    const info = infoOf(context, requests);
    addMetadata(definition, context);
    await pause(definition, context);
    if (definition?.response.case === "error") throw failure(definition.response.value, info);
    const data = definition?.response.case === "responseData" ? definition.response.value : undefined;
    return payload(data, info);
  }

  /** The answers from `from` on, none of which waits for a request, and the error after them. */
  async function* answers(
    definition: StreamDefinition | undefined,
    from: number,
    requests: readonly Message[],
    context: HandlerContext,
  ) {
    for (const [index, data] of (definition?.responseData ?? []).entries()) {
      if (index < from) continue;
      await pause(definition, context);
      yield payload(data, index === 0 ? infoOf(context, requests) : undefined);
    }
    if (definition?.error === undefined) return;
    const answered = definition.responseData.length > 0;
    throw failure(definition.error, answered ? undefined : infoOf(context, requests));
  }

  const unary = (request: UnaryRequest, context: HandlerContext) =>
    answerOnce(request.responseDefinition, [request], context);

  const implementation = {
    unary,
    idempotentUnary: unary,

    async clientStream(stream: AsyncIterable<UnaryRequest>, context: HandlerContext) {
      const requests: UnaryRequest[] = [];
      for await (const request of stream) requests.push(request);
      return answerOnce(requests[0]?.responseDefinition, requests, context);
    },

    async *serverStream(request: StreamRequest, context: HandlerContext) {
      const definition = request.responseDefinition;
      addMetadata(definition, context);
      sendHeaders(definition, context);
      yield* answers(definition, 0, [request], context);
    },

    async *bidiStream(stream: AsyncIterable<BidiRequest>, context: HandlerContext) {
      let definition: StreamDefinition | undefined;
      let requests: BidiRequest[] = [];
      let first: BidiRequest | undefined;
      let answered = 0;
      for await (const request of stream) {
        requests.push(request);
        if (first === undefined) {
          first = request;
          definition = request.responseDefinition;
          addMetadata(definition, context);
          if (request.fullDuplex) sendHeaders(definition, context);
        }
        if (!first.fullDuplex) continue;
        const data = definition?.responseData[answered];
        if (data === undefined) break;
        await pause(definition, context);
        const info = answered === 0 ? infoOf(context, requests) : create(requestInfo, seen(requests));
        yield payload(data, info);
        answered += 1;
        requests = [];
      }
      if (first?.fullDuplex === false) sendHeaders(definition, context);
      yield* answers(definition, answered, requests, context);
    },
  };

  const seen = (requests: readonly Message[]) => ({ requests: requests.map(pack) });

  // The service is known by its descriptor alone, whose methods have no types.
  const service = conformanceService(schema);
  return (router) => void router.service(service, implementation as unknown as ServiceImpl<typeof service>);
}

function shortName(message: Message): string {
  return message.$typeName.split(".").slice(3).join(".");
}

function addMetadata(
  definition: Pick<UnaryDefinition, "responseHeaders" | "responseTrailers"> | undefined,
  context: HandlerContext,
): void {
  for (const { name, value } of definition?.responseHeaders ?? []) {
    for (const one of value) context.responseHeader.append(name, one);
  }
  for (const { name, value } of definition?.responseTrailers ?? []) {
    for (const one of value) context.responseTrailer.append(name, one);
  }
}

/** Waits as the request asks; a call that ends meanwhile fails with what ended it, such as its deadline. */
async function pause(
  definition: Pick<UnaryDefinition, "responseDelayMs"> | undefined,
  context: HandlerContext,
): Promise<void> {
  const { signal } = context;
  try {
    await delay(definition?.responseDelayMs ?? 0, undefined, { signal });
  } catch {
    signal.throwIfAborted();
  }
}

/** Streams with something to say send their headers at once; one that only fails answers with trailers alone. */
function sendHeaders(definition: StreamDefinition | undefined, context: HandlerContext): void {
  if (definition !== undefined && definition.responseData.length > 0) {
    context.values.get(sendHeadersKey)(context.responseHeader);
  }
}

function headersOf(entries: Iterable<[string, string]>): Header[] {
  return [...entries].map(([name, value]) => ({ name, value: [value] }));
}
