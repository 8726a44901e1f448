import { readFileSync } from "node:fs";
import { type DescMethod, fromBinary, fromJson, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import type { Code } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { RunnerService } from "../../../gen/gitpod/v1/runner_pb.js";
import type { CallerKind, Outcome } from "../caller.ts";

/** gRPC by the reference implementation for Node. */
export const grpcJs: CallerKind = {
  name: "gRPC (grpc-js)",
  http: "2",
  open(target) {
    const trust =
      target.caFile === null
        ? credentials.createInsecure()
        : credentials.createSsl(readFileSync(target.caFile));
    const client = new Client(new URL(target.url).host, trust);
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${target.token}`);
    return {
      call(name, request): Promise<Outcome> {
        const method = RunnerService.methods.find((candidate) => candidate.name === name);
        if (method === undefined) throw new Error(`no method ${name}`);
        return unary(client, metadata, method, request as JsonValue);
      },
      close: () => client.close(),
    };
  },
};

function unary(client: Client, metadata: Metadata, method: DescMethod, request: JsonValue): Promise<Outcome> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      `/${method.parent.typeName}/${method.name}`,
      (message: JsonValue) => Buffer.from(toBinary(method.input, fromJson(method.input, message))),
      (bytes) => toJson(method.output, fromBinary(method.output, bytes)) as Record<string, unknown>,
      request,
      metadata,
      (error: ServiceError | null, answer?: Record<string, unknown>) => {
        if (error === null) resolve({ answer: answer ?? {} });
        else
          resolve({ refused: { code: codeToString(error.code as number as Code), message: error.details } });
      },
    );
  });
}
