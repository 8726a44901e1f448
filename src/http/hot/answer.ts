import { Code, type ConnectError } from "@connectrpc/connect";
import { compressedFlag, mergeNonProtocolHeaders } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes, trailerMux } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { encodeGrpcMessage } from "../grpc-message.ts";
import { notAgain } from "../refuse.ts";
import { frame } from "./body.ts";
import type { Call } from "./call.ts";
import type { Encodings } from "./encoding.ts";
import type { AnswerHeaders } from "./headers.ts";
import type { HotProtocol } from "./protocol.ts";

/** An answer, ready to be written. */
export interface Answer {
  readonly status: number;
  /** Without the body's length. The protocol's own object where no handler changed the headers. */
  readonly headers: AnswerHeaders;
  /** Null has none: trailers follow the headers. */
  readonly body: Uint8Array | null;
  /** Whether a header tells the body's length: Connect does, and frames do not. */
  readonly sized: boolean;
  /** Null for protocols that end without. */
  readonly trailers: AnswerHeaders | null;
}

/** Whose answer is put together. */
export interface Answered {
  readonly call: Call;
  readonly admitted: { readonly protocol: HotProtocol; readonly encodings: Encodings };
}

/** Messages below this size are sent as they are, in bytes: as Connect does it. */
const compressMinBytes = 1024;

/** The trailers of every call of gRPC that went well and set none. */
const grpcOk: AnswerHeaders = { "grpc-status": "0" };
const grpcWebOk = trailerSerialize(new Headers({ "grpc-status": "0" }));
const grpcWebEnd = frame(trailerFlag, grpcWebOk);

/** The answer that carries a message: at once where nothing is to be compressed or added to it. */
export function messageAnswer(to: Answered, message: Uint8Array): Answer | Promise<Answer> {
  const { call, admitted } = to;
  const { protocol, encodings } = admitted;
  const compression = encodings.response;
  const asItIs = compression === null || message.length < compressMinBytes;
  if (!asItIs || call.touchedHeader !== undefined || call.touchedTrailer !== undefined) {
    return madeAnswer(to, message);
  }
  const headers = compression === null ? protocol.head : protocol.gzipHead;
  switch (protocol.name) {
    case "grpc":
      return { status: 200, headers, body: frame(0, message), sized: false, trailers: grpcOk };
    case "grpc-web":
      return {
        status: 200,
        headers,
        body: Buffer.concat([frame(0, message), grpcWebEnd]),
        sized: false,
        trailers: null,
      };
    case "connect":
      return { status: 200, headers: protocol.head, body: message, sized: true, trailers: null };
    default:
      return protocol.name satisfies never;
  }
}

async function madeAnswer(to: Answered, message: Uint8Array): Promise<Answer> {
  const { call, admitted } = to;
  const { protocol } = admitted;
  switch (protocol.name) {
    case "grpc": {
      const body = await oneFrame(to, 0, message);
      const trailers = call.touchedTrailer === undefined ? grpcOk : nodeHeaders(call.touchedTrailer);
      return { status: 200, headers: framedHeaders(to), body, sized: false, trailers };
    }
    case "grpc-web": {
      const end = call.touchedTrailer === undefined ? grpcWebOk : trailerSerialize(call.touchedTrailer);
      const frames = [await oneFrame(to, 0, message), await oneFrame(to, trailerFlag, end)];
      return {
        status: 200,
        headers: framedHeaders(to),
        body: Buffer.concat(frames),
        sized: false,
        trailers: null,
      };
    }
    case "connect":
      return bareAnswer(to, 200, message);
    default:
      return protocol.name satisfies never;
  }
}

/** The answer that carries an error. */
export async function errorAnswer(
  to: Answered,
  error: ConnectError,
  json: Parameters<typeof errorToJsonBytes>[1],
): Promise<Answer> {
  const { call, admitted } = to;
  const { protocol } = admitted;
  switch (protocol.name) {
    case "grpc": {
      const trailer = setTrailerStatus(call.responseTrailer, error);
      trailer.set("grpc-message", encodeGrpcMessage(error.rawMessage));
      return {
        status: 200,
        headers: framedHeaders(to),
        body: null,
        sized: false,
        trailers: nodeHeaders(trailer),
      };
    }
    case "grpc-web": {
      const trailer = setTrailerStatus(call.responseTrailer, error);
      const end = trailerSerialize(trailer);
      const body = await oneFrame(to, trailerFlag, end);
      return { status: 200, headers: framedHeaders(to), body, sized: false, trailers: null };
    }
    case "connect":
      call.responseHeader.set("content-type", "application/json");
      if (error.code === Code.Unimplemented) call.responseHeader.set(...notAgain);
      if (!error.isWireError) mergeNonProtocolHeaders(call.responseHeader, error.metadata);
      return bareAnswer(to, codeToHttpStatus(error.code), errorToJsonBytes(error, json));
    default:
      return protocol.name satisfies never;
  }
}

async function oneFrame({ admitted }: Answered, flags: number, data: Uint8Array): Promise<Buffer> {
  const compression = admitted.encodings.response;
  if (compression === null || data.length < compressMinBytes) return frame(flags, data);
  return frame(flags | compressedFlag, await compression.compress(data as Uint8Array<ArrayBuffer>));
}

function framedHeaders({ call, admitted }: Answered): AnswerHeaders {
  const { protocol, encodings } = admitted;
  const compression = encodings.response;
  const { touchedHeader } = call;
  if (touchedHeader === undefined) return compression === null ? protocol.head : protocol.gzipHead;
  const headers = nodeHeaders(touchedHeader);
  return compression === null ? headers : { [protocol.encodingHeader]: compression.name, ...headers };
}

/** Connect: the message alone, with trailers among the headers. */
async function bareAnswer(to: Answered, status: number, message: Uint8Array): Promise<Answer> {
  const { call, admitted } = to;
  const { protocol, encodings } = admitted;
  const compression = encodings.response;
  const zipped = compression !== null && message.length >= compressMinBytes;
  const body = zipped ? await compression.compress(message as Uint8Array<ArrayBuffer>) : message;
  const { touchedHeader, touchedTrailer } = call;
  const headers =
    touchedHeader === undefined && touchedTrailer === undefined
      ? protocol.head
      : {
          ...protocol.head,
          ...nodeHeaders(trailerMux(call.responseHeader, touchedTrailer ?? new Headers())),
        };
  const told = zipped ? { ...headers, [protocol.encodingHeader]: compression.name } : headers;
  return { status, headers: told, body, sized: true, trailers: null };
}

function nodeHeaders(headers: Headers): AnswerHeaders {
  const cookies = headers.getSetCookie();
  return cookies.length > 1
    ? { ...Object.fromEntries(headers), "set-cookie": cookies }
    : Object.fromEntries(headers);
}
