import {
  create,
  type DescMethodUnary,
  type MessageInitShape,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { RunnerProvider } from "../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../gen/gitpod/v1/runner_pb.js";
import { RunnerAgentService } from "../gen/rollcall/v1/agent_pb.js";
import type { Fields } from "./load/hpack.ts";

/** A protocol over an HTTP version, as the rows of the report name it. */
export interface Way {
  readonly protocol: "gRPC" | "Connect" | "Connect JSON";
  readonly http: "1.1" | "2";
  readonly contentType: string;
}

export const ways: readonly Way[] = [
  { protocol: "gRPC", http: "2", contentType: "application/grpc" },
  { protocol: "Connect", http: "2", contentType: "application/proto" },
  { protocol: "Connect JSON", http: "2", contentType: "application/json" },
  { protocol: "Connect", http: "1.1", contentType: "application/proto" },
  { protocol: "Connect JSON", http: "1.1", contentType: "application/json" },
];

/** One call, made the same each time. */
export interface BenchCall {
  readonly name: string;
  readonly path: string;
  /** Bearer token; null: without one, which etcd wants. */
  readonly token: string | null;
  /** The request's bytes in the encoding of a way, gRPC's frame included. */
  body(way: Way): Buffer;
}

function benchCall<M extends DescMethodUnary>(
  method: M,
  token: string,
  request: MessageInitShape<M["input"]>,
): BenchCall {
  const message = create(method.input, request);
  const binary = Buffer.from(toBinary(method.input, message));
  return {
    name: method.name,
    path: `/${method.parent.typeName}/${method.name}`,
    token,
    body: ({ protocol }) => {
      if (protocol === "gRPC") return framed(binary);
      return protocol === "Connect" ? binary : Buffer.from(toJsonString(method.input, message));
    },
  };
}

/** gRPC's frame around an uncompressed message. */
export function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** What the calls are made with. */
export interface Actors {
  readonly adminToken: string;
  readonly runnerToken: string;
  readonly runnerId: string;
  readonly generation: number;
  /** The revision of the spec that the runner has applied: the one that is wanted. */
  readonly revision: number;
}

/** The calls that a control plane's day is made of. */
export function calls(actors: Actors): readonly BenchCall[] {
  const { adminToken, runnerToken, runnerId, generation, revision } = actors;
  return [
    benchCall(RunnerAgentService.method.renewRegistration, runnerToken, {
      generation,
      appliedSpecRevision: revision,
    }),
    benchCall(RunnerService.method.getRunner, adminToken, { runnerId }),
    benchCall(RunnerService.method.createRunner, adminToken, {
      name: "bench",
      provider: RunnerProvider.AWS_EC2,
      spec: { configuration: { region: "eu-central-1", autoUpdate: true } },
    }),
    benchCall(RunnerService.method.listRunners, adminToken, { pagination: { pageSize: 25 } }),
  ];
}

/** Header fields of a call beside those that every request has. */
export function fieldsOf(call: BenchCall, way: Way): Fields {
  return [
    ["content-type", way.contentType],
    ...(way.protocol === "gRPC"
      ? ([["te", "trailers"]] as const)
      : ([["connect-protocol-version", "1"]] as const)),
    ["user-agent", "bench"],
    ...(call.token === null ? [] : ([["authorization", `Bearer ${call.token}`]] as const)),
  ];
}
