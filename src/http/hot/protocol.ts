import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";

/** A protocol with one codec, as its content type names it. */
export interface HotProtocol {
  readonly name: "grpc" | "grpc-web" | "connect";
  readonly binary: boolean;
  /** Content type of answers. */
  readonly answerType: string;
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
const grpc: HotProtocol = {
  name: "grpc",
  binary: true,
  answerType: "application/grpc+proto",
  ...grpcNames,
};
const grpcWeb: HotProtocol = {
  name: "grpc-web",
  binary: true,
  answerType: "application/grpc-web+proto",
  ...grpcNames,
};
const connectProto: HotProtocol = {
  name: "connect",
  binary: true,
  answerType: "application/proto",
  ...connectNames,
};
const connectJson: HotProtocol = {
  name: "connect",
  binary: false,
  answerType: "application/json",
  ...connectNames,
};

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
