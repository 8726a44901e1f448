import http from "node:http";
import http2 from "node:http2";
import type { Socket } from "node:net";
import type { Limits } from "../../domain/limits/connection-limits.ts";
import type { HotPath } from "../hot/hot-path.ts";
import type { RequestHandler } from "../node-http.ts";
import { answerJson, setSecurityHeaders } from "../refuse.ts";
import { originForm, wrongHost } from "../request-forms.ts";
import { dropUnreadBody } from "../unread-body.ts";
import type { Connection } from "./connection.ts";
import { guardAgainstFloods } from "./flood-guard.ts";
import { dropFirstOffer, ignoreUpgrades, putsBack } from "./ignored-upgrade.ts";
import { slowRequests, slowStreams } from "./overdue.ts";
import { rawAnswer } from "./raw-answer.ts";
import { UnsentAnswers } from "./unsent.ts";

/** The two HTTP servers of Node, fed with sockets that the listener accepted. */
export interface HttpServers {
  /** Serves calls on a socket (the inner one under TLS) and counts them on its connection. */
  serve(wire: "http1" | "http2", connection: Connection, socket: Socket): void;
  /** Tells a client in its own language that this connection is not served, and closes it. */
  refuse(wire: "http1" | "http2", socket: Socket, reason: Refusal): void;
}

/** Node's own counters of what no honest client does. A session that goes beyond them is closed. */
const abuse = {
  // Frames that break the protocol without ending the connection.
  maxSessionInvalidFrames: 100,
  // Streams that were refused for being too many.
  maxSessionRejectedStreams: 1000,
  // Settings in one frame.
  maxSettings: 32,
};

type StreamEvent = [http2.ServerHttp2Stream, http2.IncomingHttpHeaders, number, string[]];

export interface Refusal {
  /** HTTP status, and code and message of the JSON body, for HTTP/1.1. */
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** Error code of the GOAWAY frame, for HTTP/2. */
  readonly goaway: number;
}

export function httpServers(limits: Limits, handler: RequestHandler, hot?: HotPath): HttpServers {
  // Sockets are handed over within one tick, so the session that follows belongs to the socket just given.
  const owners = new WeakMap<object, Connection>();
  const slow = slowStreams(limits.requestTimeoutMs);
  const slowBodies = slowRequests(limits.requestTimeoutMs);
  const unsent = new UnsentAnswers(limits.unsentBytes, function* () {
    for (const stream of slow.watched()) {
      const connection = stream.session && owners.get(stream.session);
      if (connection !== undefined) yield [stream, connection];
    }
    for (const res of slowBodies.watched()) {
      const connection = owners.get(res.req.socket);
      if (connection !== undefined) yield [res, connection];
    }
  });

  function ended(connection: Connection, stream: http2.ServerHttp2Stream): void {
    connection.callEnded();
    slow.ended(stream);
  }

  function onHttp1(req: http.IncomingMessage, res: http.ServerResponse): void {
    const connection = owners.get(req.socket);
    if (connection === undefined) {
      res.destroy();
      return;
    }
    // A connection that breaks off is an error of the request: one without a listener ends the process.
    req.on("error", ignore);
    // Answers are given in the order of the requests, so all of them would be kept behind one that does not end.
    if (connection.answering >= limits.streamsPerConnection) {
      connection.destroy();
      return;
    }
    connection.callStarted(res);
    slowBodies.watch(res);
    unsent.callStarted();
    const ended = () => {
      connection.callEnded(res);
      if (req.complete || req.destroyed) slowBodies.ended(res);
      else endWithRest(req, () => slowBodies.ended(res));
    };
    // An offer to switch protocols that was not put back: what followed it in the same piece is lost, and the client is told.
    if (req.headers.upgrade !== undefined && connection.answering > 0) res.setHeader("Connection", "close");
    req.url = originForm(req.url ?? "");
    const wrong = wrongHost(req.rawHeaders);
    if (wrong === null && hot?.http1(req, res, connection, ended)) return;
    res.once("close", ended);
    dropUnreadBody(req, res);
    if (wrong !== null) refuseHost(req, res, wrong);
    else handler(req, res, connection);
  }

  function onHttp2(req: http2.Http2ServerRequest, res: http2.Http2ServerResponse): void {
    const connection = req.stream.session && owners.get(req.stream.session);
    if (connection === undefined) {
      res.stream.destroy();
      return;
    }
    connection.callStarted();
    slow.watch(req.stream);
    unsent.callStarted();
    res.once("close", () => ended(connection, req.stream));
    dropUnreadBody(req, res);
    handler(req, res, connection);
  }

  const isBusy = (socket: object) => owners.get(socket)?.answering !== 0;
  const http1 = http.createServer(
    {
      maxHeaderSize: limits.headerBytes,
      keepAliveTimeout: 0,
      shouldUpgradeCallback: (req) => putsBack(req, isBusy(req.socket)),
    },
    onHttp1,
  );
  ignoreUpgrades(http1, isBusy);
  http1.on("clientError", onClientError);

  const settings = {
    maxConcurrentStreams: limits.streamsPerConnection,
    maxHeaderListSize: limits.headerBytes,
  };
  // Streams that the client took back (CVE-2023-44487).
  const resets = {
    streamResetBurst: limits.streamResets,
    streamResetRate: Math.ceil(limits.streamResets / 10),
  };
  const h2 = http2.createServer({ settings, ...abuse, ...resets }, onHttp2);
  // Without a listener a protocol error of a client would be thrown.
  h2.on("sessionError", () => {});

  if (hot !== undefined) {
    // Node makes request and response objects of a stream in its own listener: it runs for those streams alone that
    // need them.
    const [makeRequest] = h2.listeners("stream") as ((...event: StreamEvent) => void)[];
    h2.removeAllListeners("stream");
    h2.on("stream", (...event: StreamEvent) => {
      const [stream, headers] = event;
      const connection = stream.session && owners.get(stream.session);
      if (
        connection === undefined ||
        !hot.http2(stream, headers, connection, () => ended(connection, stream))
      ) {
        makeRequest?.apply(h2, event);
        return;
      }
      connection.callStarted();
      slow.watch(stream);
      unsent.callStarted();
    });
  }

  function openSession(socket: Socket): http2.ServerHttp2Session | undefined {
    let opened: http2.ServerHttp2Session | undefined;
    h2.once("session", (session) => {
      opened = session;
    });
    socket.allowHalfOpen = false;
    h2.emit("connection", socket);
    return opened;
  }

  return {
    serve(wire, connection, socket) {
      if (wire === "http1") {
        owners.set(socket, connection);
        connection.speaksHttp1(socket, limits.headersTimeoutMs);
        dropFirstOffer(socket);
        http1.emit("connection", socket);
        // Node's parser takes bytes from the socket below the stream. When it is paused, because an answer has not left
        // yet, TLS still hands it the next record that it has, and it refuses that as a broken request. With a listener it
        // gets its bytes from the stream, which keeps them meanwhile.
        if (connection.scheme === "https") socket.on("data", ignore);
        return;
      }
      const session = openSession(socket);
      if (session === undefined) {
        socket.destroy();
        return;
      }
      owners.set(session, connection);
      guardAgainstFloods(session, limits.controlFrames);
      connection.speaksHttp2(session);
    },
    refuse(wire, socket, reason) {
      if (wire === "http1") {
        rawAnswer(socket, reason.status, reason.code, reason.message);
        return;
      }
      const session = openSession(socket);
      // Node feeds the bytes that were put back to the session on the next tick, and fails if it is gone by then.
      setImmediate(() => session?.destroy(new Error(reason.message), reason.goaway));
    },
  };
}

function ignore(): void {}

function refuseHost(req: http.IncomingMessage, res: http.ServerResponse, message: string): void {
  setSecurityHeaders(res);
  answerJson(req, res, 400, { code: "invalid_argument", message });
}

/** A request that was answered early may still be sending, and hears nothing of its socket any more. */
function endWithRest(req: http.IncomingMessage, end: () => void): void {
  const { socket } = req;
  const over = () => {
    socket.off("close", over);
    end();
  };
  req.once("close", over);
  socket.once("close", over);
}

/** Answers what the HTTP/1.1 parser refused. */
function onClientError(error: NodeJS.ErrnoException, socket: unknown): void {
  const tcp = socket as Socket;
  if (error.code === "HPE_HEADER_OVERFLOW") {
    rawAnswer(tcp, 431, "resource_exhausted", "the request headers are too large");
  } else if (error.code === "ECONNRESET") {
    tcp.destroy();
  } else {
    rawAnswer(tcp, 400, "invalid_argument", "this is not a valid HTTP/1.1 request");
  }
}
