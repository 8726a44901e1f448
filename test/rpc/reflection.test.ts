import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { reflectionRoutes } from "../../src/rpc/services/reflection.ts";
import { type Toy, toyServer } from "../http/support/toy-server.ts";

let server: Toy;
beforeAll(async () => {
  server = await toyServer({ routes: reflectionRoutes([RunnerService, EventService], () => {}) });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

type Question =
  | {
      case: "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType" | "listServices";
      value: string;
    }
  | { case: "fileContainingExtension"; value: { containingType: string; extensionNumber: number } };

async function* asking(questions: (Question | { case: undefined })[]) {
  for (const messageRequest of questions) yield { host: "here", messageRequest };
}

describe.each([
  ["v1", ServerReflection],
  ["v1alpha", ServerReflectionAlpha as unknown as typeof ServerReflection],
])("reflection %s", (_version, service) => {
  const ask = async (...questions: (Question | { case: undefined })[]) => {
    const client = createClient(service, createGrpcTransport({ baseUrl: server.url }));
    const answers = [];
    for await (const answer of client.serverReflectionInfo(asking(questions))) answers.push(answer);
    return answers;
  };
  const filesOf = (answer: Awaited<ReturnType<typeof ask>>[number] | undefined) =>
    answer?.messageResponse.case === "fileDescriptorResponse"
      ? answer.messageResponse.value.fileDescriptorProto.map((bytes) =>
          fromBinary(FileDescriptorProtoSchema, bytes),
        )
      : [];

  test("lists the services and echoes the question", async () => {
    const [answer] = await ask({ case: "listServices", value: "" });
    expect(answer?.messageResponse).toMatchObject({
      value: {
        service: [
          "gitpod.v1.RunnerService",
          "gitpod.v1.EventService",
          "grpc.reflection.v1.ServerReflection",
          "grpc.reflection.v1alpha.ServerReflection",
        ].map((name) => ({ name })),
      },
    });
    expect(answer).toMatchObject({
      validHost: "here",
      originalRequest: { messageRequest: { case: "listServices" } },
    });
  });

  test.each([
    "gitpod.v1.RunnerService",
    "gitpod.v1.RunnerService.CreateRunner",
    "gitpod.v1.CreateRunnerRequest",
    "gitpod.v1.CreateRunnerRequest.provider",
    "gitpod.v1.ListRunnersRequest.Filter",
    "gitpod.v1.RunnerSpec.desired_phase",
    "gitpod.v1.RUNNER_PHASE_ACTIVE",
  ])("finds the file of %s, imports included", async (value) => {
    const files = filesOf((await ask({ case: "fileContainingSymbol", value }))[0]);
    expect(files[0]?.name).toBe("gitpod/v1/runner.proto");
    // Throws when an import is missing, or comes after the file that imports it.
    const set = create(FileDescriptorSetSchema, { file: [...files.slice(1), ...files.slice(0, 1)] });
    expect(createFileRegistry(set).getService("gitpod.v1.RunnerService")).toBeDefined();
  });

  test.each([
    ["google.rpc.ErrorInfo", "google/rpc/error_details.proto"],
    ["google.rpc.RetryInfo", "google/rpc/error_details.proto"],
    ["buf.validate.Violations", "buf/validate/validate.proto"],
  ])("finds the file of %s, a detail of errors", async (value, name) => {
    const [answer] = await ask({ case: "fileContainingSymbol", value });
    expect(filesOf(answer)[0]?.name).toBe(name);
  });

  test("sends an import once in a stream, and a file that is asked for always", async () => {
    const value = "gitpod/v1/runner.proto";
    const [first, second] = await ask({ case: "fileByFilename", value }, { case: "fileByFilename", value });
    expect(filesOf(first).length).toBeGreaterThan(1);
    expect(filesOf(second).map((file) => file.name)).toEqual([value]);
  });

  test("knows extensions by number and by name", async () => {
    const extended = "google.protobuf.FieldOptions";
    const [numbers, file, symbol] = await ask(
      { case: "allExtensionNumbersOfType", value: extended },
      { case: "fileContainingExtension", value: { containingType: extended, extensionNumber: 1159 } },
      { case: "fileContainingSymbol", value: "buf.validate.field" },
    );
    expect(numbers?.messageResponse.value).toMatchObject({ extensionNumber: expect.arrayContaining([1159]) });
    expect(filesOf(file)[0]?.name).toBe("buf/validate/validate.proto");
    expect(filesOf(symbol)[0]?.name).toBe("buf/validate/validate.proto");
  });

  test("answers what it does not know as NOT_FOUND, and goes on", async () => {
    const answers = await ask(
      { case: "fileByFilename", value: "no/such.proto" },
      { case: "fileContainingSymbol", value: "no.Such" },
      { case: "fileContainingSymbol", value: "" },
      {
        case: "fileContainingExtension",
        value: { containingType: "google.protobuf.FieldOptions", extensionNumber: 4711 },
      },
      { case: "allExtensionNumbersOfType", value: "no.Such" },
      { case: "allExtensionNumbersOfType", value: "gitpod.v1.Runner" },
      { case: undefined },
    );
    expect(answers.slice(0, 5).map((answer) => answer.messageResponse.value)).toEqual(
      Array.from({ length: 5 }, () => expect.objectContaining({ errorCode: 5 })),
    );
    expect(answers[5]?.messageResponse.value).toMatchObject({ extensionNumber: [] });
    expect(answers[6]?.messageResponse.value).toMatchObject({ errorCode: 3 });
  });
});

test.each([
  ["grpc", ["--http2-prior-knowledge"], ""],
  ["grpcweb", ["--http2-prior-knowledge"], ""],
  ["connect", ["--http2-prior-knowledge"], "/api"],
])("buf curl needs no schema with --protocol %s", async (protocol, flags, prefix) => {
  const url = `${server.url}${prefix}/gitpod.v1.RunnerService/CreateRunner`;
  const data = '{"name":"by buf","provider":"RUNNER_PROVIDER_GCP"}';
  const args = ["curl", "--protocol", protocol, ...flags, "-d", data, url];
  const { stdout } = await promisify(execFile)("node_modules/.bin/buf", args);
  expect(JSON.parse(stdout)).toEqual({ runner: { name: "by buf", provider: "RUNNER_PROVIDER_GCP" } });
});
