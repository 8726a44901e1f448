import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";
import { securityHeaders } from "../refuse.ts";
import type { AnswerHeaders } from "./headers.ts";

/** A protocol with one codec, as its content type names it. */
export interface HotProtocol {
  readonly name: "grpc" | "grpc-web" | "connect";
  readonly binary: boolean;
  /** Content type of answers. */
  readonly answerType: string;
  /** Headers of answers that no handler changed, and of those whose frames may be compressed. */
  readonly head: AnswerHeaders;
  readonly gzipHead: AnswerHeaders;
  /** Names of the headers that say how a message is compressed, and how its answer may be. */
  readonly encodingHeader: string;
  readonly acceptHeader: string;
  readonly timeoutHeader: string;
  readonly parseTimeout: typeof parseGrpcTimeout;
}

const grpcNames = {
  encodingHeader: "grpc-encoding",
  acceptHeader: "grpc-accept-encoding",
  timeoutHeader: "grpc-timeout",
  parseTimeout: parseGrpcTimeout,
};
const connectNames = {
  encodingHeader: "content-encoding",
  acceptHeader: "accept-encoding",
  timeoutHeader: "connect-timeout-ms",
  parseTimeout: parseConnectTimeout,
};
function protocol(
  name: HotProtocol["name"],
  answerType: string,
  names: typeof grpcNames | typeof connectNames,
): HotProtocol {
  const head = { ...(name === "connect" && securityHeaders), "content-type": answerType };
  return {
    name,
    binary: answerType !== "application/json",
    answerType,
    head,
    gzipHead: { ...head, [names.encodingHeader]: "gzip" },
    ...names,
  };
}

const grpc = protocol("grpc", "application/grpc+proto", grpcNames);
const grpcWeb = protocol("grpc-web", "application/grpc-web+proto", grpcNames);
const connectProto = protocol("connect", "application/proto", connectNames);
const connectJson = protocol("connect", "application/json", connectNames);

/** By the content type of the request, letter by letter: other spellings are left to Connect. */
export const hotProtocols: ReadonlyMap<string, HotProtocol> = new Map([
  ["application/grpc", grpc],
  ["application/grpc+proto", grpc],
  ["application/grpc-web", grpcWeb],
  ["application/grpc-web+proto", grpcWeb],
  ["application/proto", connectProto],
  ["application/json", connectJson],
  ["application/json; charset=utf-8", connectJson],
]);
