import { readFileSync } from "node:fs";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { ConnectError, type Transport } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { RunnerService } from "../../../gen/gitpod/v1/runner_pb.js";
import type { CallerKind, Outcome, Target } from "../caller.ts";

type Protocol = "Connect JSON" | "Connect binary" | "gRPC-Web" | "gRPC (connect-node)";

/** The generated TypeScript client over each of its transports. */
export function connectEs(protocol: Protocol, http: "1.1" | "2"): CallerKind {
  return {
    name: protocol,
    http,
    open(target) {
      const { transport, close } = open(protocol, http, target);
      return {
        async call(name, request): Promise<Outcome> {
          const method = RunnerService.methods.find((candidate) => candidate.name === name);
          if (method === undefined) throw new Error(`no method ${name}`);
          const message = fromJson(method.input, request as JsonValue);
          const header = { authorization: `Bearer ${target.token}` };
          try {
            const response = await transport.unary(
              method as never,
              undefined,
              undefined,
              header,
              message as never,
            );
            return { answer: toJson(method.output, response.message) as Record<string, unknown> };
          } catch (error) {
            const { code, rawMessage } = ConnectError.from(error);
            return { refused: { code: codeToString(code), message: rawMessage } };
          }
        },
        close,
      };
    },
  };
}

function open(
  protocol: Protocol,
  http: "1.1" | "2",
  target: Target,
): { transport: Transport; close(): void } {
  const baseUrl = target.url;
  const ca = target.caFile === null ? {} : { ca: readFileSync(target.caFile) };
  if (http === "2") {
    const sessionManager = new Http2SessionManager(baseUrl, {}, ca);
    const close = () => sessionManager.abort();
    const options = { baseUrl, httpVersion: "2", sessionManager } as const;
    if (protocol === "gRPC (connect-node)") return { transport: createGrpcTransport(options), close };
    if (protocol === "gRPC-Web") return { transport: createGrpcWebTransport(options), close };
    const useBinaryFormat = protocol === "Connect binary";
    return { transport: createConnectTransport({ ...options, useBinaryFormat }), close };
  }
  const agent =
    target.caFile === null ? new HttpAgent({ keepAlive: true }) : new HttpsAgent({ keepAlive: true, ...ca });
  const close = () => agent.destroy();
  const options = { baseUrl, httpVersion: "1.1", nodeOptions: { agent } } as const;
  if (protocol === "gRPC-Web") return { transport: createGrpcWebTransport(options), close };
  const useBinaryFormat = protocol === "Connect binary";
  return { transport: createConnectTransport({ ...options, useBinaryFormat }), close };
}
