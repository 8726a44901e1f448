import type { IncomingHttpHeaders } from "node:http";
import http2 from "node:http2";
import type { DescMethod, DescMethodUnary } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type MethodImpl,
} from "@connectrpc/connect";
import { type UniversalHandler, validateReadWriteMaxBytes } from "@connectrpc/connect/protocol";
import { codeToHttpStatus } from "@connectrpc/connect/protocol-connect";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { defaultLimits } from "../domain/limits/connection-limits.ts";
import { shortened } from "../lib/shortened.ts";
import { sendHeadersKey } from "../rpc/call/context.ts";
import { forConnect, type Interceptor } from "../rpc/call/interceptor.ts";
import { withCheckedBody } from "./binary/checked-body.ts";
import { checkGet } from "./binary/checked-get.ts";
import { brotli, gzip } from "./compression.ts";
import { withPlainGrpcMessage } from "./grpc-message.ts";
import { type HotMethod, hotMethod } from "./hot/method.ts";
import { checkedRouter, isUnary, type OnMethod } from "./json/checked-router.ts";
import { linesType, withJsonLines } from "./json/json-lines.ts";
import { queryPagination } from "./json/query-pagination.ts";
import type { NodeServerRequest, NodeServerResponse, Origin, RequestHandler } from "./node-http.ts";
import { answerText, isFramedType, notAgain, refuseCall } from "./refuse.ts";
import { type BodyRoom, bodyOf } from "./request-body.ts";
import { anyHost } from "./request-forms.ts";
import { Rooms } from "./rooms.ts";
import { dropRest, keepsNoBody } from "./unread-body.ts";

export interface ProceduresOptions extends Omit<ConnectRouterOptions, "interceptors"> {
  /** Around every call, the first one outermost. */
  readonly interceptors?: readonly Interceptor[];
  /** Registers the services. */
  readonly routes: (router: ConnectRouter) => void;
  /** Values that gate, interceptors and handlers of a call find in their context. */
  readonly contextValues?: (origin: Origin, headers: IncomingHttpHeaders) => ContextValues;
  /**
   * Told once for every call that the gate let in, when it is over: with what its caller is told, or undefined when the
   * client has gone. The reason of a call that went well means nothing.
   */
  readonly onOver?: (context: HandlerContext, reason: unknown) => void;
  /** Methods that take no token: their messages are small, and count together while they are incomplete. Default: none. */
  readonly openMethods?: ReadonlySet<DescMethod>;
  /** What all request bodies that are not complete may hold, in bytes. Default: that of the settings. */
  readonly unfinishedBytes?: number;
  /** Milliseconds without a message after which a stream of JSON lines sends a blank. */
  readonly silenceMs?: number;
  /** Something failed outside of a handler, such as writing to a connection that broke. No caller waits for it. */
  readonly onError: (error: unknown, procedure: string) => void;
}

/** Every registered procedure, by its path without prefix: `/package.Service/Method`. */
export type Procedures = ReadonlyMap<string, RequestHandler>;

/** What was registered: for Connect to serve, and the methods that the hot path can serve as well. */
export interface Registered {
  readonly procedures: Procedures;
  readonly hotMethods: ReadonlyMap<string, HotMethod>;
}

/** Binds Connect's router to Node's servers, in place of its adapter, which logs on the console and answers bare 405 and 415. */
export function procedures(options: ProceduresOptions): Registered {
  const {
    routes,
    contextValues,
    onOver,
    onError,
    openMethods = new Set(),
    unfinishedBytes = defaultLimits.unfinishedBytes,
    interceptors = [],
    ...routerOptions
  } = options;
  const hotMethods = new Map<string, HotMethod>();
  const limits = validateReadWriteMaxBytes(
    routerOptions.readMaxBytes,
    routerOptions.writeMaxBytes,
    undefined,
  );
  const rooms = new Rooms({ openMethods, messageBytes: limits.readMaxBytes, unfinishedBytes });
  const router = createConnectRouter({
    acceptCompression: compressions,
    ...routerOptions,
    requestGate: connectGate(options, rooms),
    interceptors: [queryPagination, ...interceptors].map(forConnect),
  });
  const onMethod: OnMethod = (method, implementation, jsonOptions) => {
    if (!isUnary(method)) return;
    const path = `/${method.parent.typeName}/${method.name}`;
    hotMethods.set(
      path,
      hotMethod(method, implementation as UnaryImpl, {
        interceptors,
        room: rooms.of(method),
        forStrangers: rooms.isOpen(method),
        limits: { ...limits, readMaxBytes: rooms.of(method).maxBytes },
        jsonOptions,
      }),
    );
  };
  const readMaxBytesOf = (method: DescMethod) => rooms.of(method).maxBytes;
  routes(checkedRouter(router, routerOptions.jsonOptions, readMaxBytesOf, onMethod));
  const served = router.handlers.map((registered) => {
    const room = rooms.of(registered.method);
    const checked = { readMaxBytes: room.maxBytes, compressions };
    const handler = withJsonLines(withCheckedBody(registered, checked), {
      ...options,
      readMaxBytes: room.maxBytes,
    });
    const serveIt: RequestHandler = (req, res, origin) =>
      void serve({ handler, room, onError }, req, res, origin, contextValues?.(origin, req.headers));
    return [handler.requestPath, serveIt] as const;
  });
  return { procedures: new Map(served), hotMethods };
}

const requestSignalKey = createContextKey<AbortSignal | undefined>(undefined, {
  description: "aborted when the client has gone",
});

const originKey = createContextKey<Origin | undefined>(undefined, {
  description: "where the call came in",
});

const compressions = [gzip, brotli];

/** The gate as Connect gets it. Connect ends the signal of a call, with its error if there is one, before it writes the error's answer. */
function connectGate({ requestGate, onOver, shutdownSignal }: ProceduresOptions, rooms: Rooms) {
  return async (context: HandlerContext): Promise<void> => {
    const { method, values } = context;
    await requestGate?.(context);
    if (!rooms.isOpen(method)) values.get(originKey)?.showedToken();
    if (onOver !== undefined) watchEnd(context, onOver);
    if (context.requestMethod === "GET") await checkGet(context, compressions, rooms.of(method).maxBytes);
  };

  function watchEnd(context: HandlerContext, onOver: (context: HandlerContext, reason: unknown) => void) {
    const { signal, method, values } = context;
    const over = () => {
      // The codes of reset streams and broken connections are Node's words for it, and not always apt.
      if (values.get(requestSignalKey)?.aborted) onOver(context, undefined);
      // Calls that run into a shutdown are served to their end, unlike streams.
      else if (!isUnary(method) || signal.reason !== shutdownSignal?.reason) onOver(context, signal.reason);
    };
    if (signal.aborted) over();
    else signal.addEventListener("abort", over, { once: true });
  }
}

type UnaryImpl = MethodImpl<DescMethodUnary>;

/** What serves the calls of a method. */
interface Serving {
  readonly handler: UniversalHandler;
  readonly room: BodyRoom;
  readonly onError: ProceduresOptions["onError"];
}

async function serve(
  { handler, room, onError }: Serving,
  req: NodeServerRequest,
  res: NodeServerResponse,
  origin: Origin,
  contextValues: ContextValues = createContextValues(),
): Promise<void> {
  const values = contextValues.set(originKey, origin).set(sendHeadersKey, (headers) => {
    sendHeaders(res, headers);
  });
  // nginx would hold back what comes, until its buffer is full.
  if (!isUnary(handler.method)) res.setHeader("x-accel-buffering", "no");
  // Connect makes a URL of the host.
  req.headers["stream" in req ? ":authority" : "host"] = anyHost;
  const call = {
    ...universalRequestFromNodeRequest(req, res, undefined, values),
    body: bodyFor(handler, req, room),
  };
  values.set(requestSignalKey, call.signal);
  // Python's urllib, which the Python SDK uses, names a type for the body that a GET does not have.
  if (call.method === "GET") {
    dropRest(req);
    call.header.delete("content-type");
  }
  try {
    const answer = await handler(call);
    if (answer.status === codeToHttpStatus(Code.Unimplemented)) answer.header?.set(...notAgain);
    if (answer.status === 405 || answer.status === 415) dropRest(req);
    if (answer.status === 405) refuseMethod(handler, req, res);
    else if (answer.status === 415) refuseMediaType(handler, req, res);
    // Resolves never after success, so nothing may wait for it.
    else await universalResponseToNodeResponse(withPlainGrpcMessage(keepsNoBody(handler, answer, req)), res);
  } catch (error) {
    dropRest(req);
    // The caller went away: the handler heard it through its signal.
    const gone = "stream" in res ? res.stream.destroyed : res.destroyed;
    const brokenOff = gone || ConnectError.from(error).code === Code.Aborted;
    if (!brokenOff) onError(error, handler.requestPath);
    if (res.headersSent) cut(res);
    else if (brokenOff) refuseCall(req, res, new ConnectError("the call was broken off", Code.Canceled));
    else refuseCall(req, res, new ConnectError("internal error", Code.Internal));
  }
}

function bodyFor({ method }: UniversalHandler, req: NodeServerRequest, room: BodyRoom) {
  const { "content-type": type, "content-length": declared } = req.headers;
  const declaredBytes = declared === undefined ? undefined : Number(declared);
  const isStream = method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  return bodyOf(req, room, { isFramed: isFramedType(type), declaredBytes }, isStream);
}

/** Ends an answer that has begun so that no client takes it for complete. Destroyed, an HTTP/2 stream seems to end well. */
function cut(res: NodeServerResponse): void {
  if ("stream" in res) res.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
  else res.destroy();
}

/** The headers of a stream, which always has status 200: what goes wrong later is told in its end. */
function sendHeaders(res: NodeServerResponse, headers: Headers): void {
  if (res.headersSent || res.destroyed) return;
  for (const [name, value] of headers) res.setHeader(name, value);
  res.writeHead(200);
  // HTTP/1.1 keeps the head until the first byte of the body.
  if ("flushHeaders" in res) res.flushHeaders();
  // Connect's adapter writes them again with the first message, and Node would throw.
  Object.assign(res, { writeHead: () => res });
}

function refuseMethod(handler: UniversalHandler, req: NodeServerRequest, res: NodeServerResponse): void {
  const allow = handler.allowedMethods.join(", ");
  res.setHeader("Allow", allow);
  answerText(req, res, 405, `${req.method} is not allowed here: use ${allow}`);
}

function refuseMediaType(handler: UniversalHandler, req: NodeServerRequest, res: NodeServerResponse): void {
  const { methodKind } = handler.method;
  const connect = methodKind === "unary" ? "application/" : "application/connect+";
  const types = ["json", "proto"].flatMap((codec) => [
    `${connect}${codec}`,
    `application/grpc+${codec}`,
    `application/grpc-web+${codec}`,
  ]);
  const accept = [...types, ...(methodKind === "server_streaming" ? [linesType] : [])].join(", ");
  res.setHeader("Accept-Post", accept);
  const sent = req.headers["content-type"];
  const message =
    sent === undefined
      ? "the request names no content type"
      : `content type ${shortened(sent)} is not supported here`;
  answerText(req, res, 415, `${message}: use one of ${accept}`);
}
