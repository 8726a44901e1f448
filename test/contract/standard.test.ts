import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";
import { create, toBinary } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthListResponseSchema,
} from "../../gen/grpc/health/v1/health_pb.js";
import * as v1 from "../../gen/grpc/reflection/v1/reflection_pb.js";
import * as v1alpha from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";

// The bytes follow from the published schemas of gRPC (grpc-proto) and googleapis: tag = number * 8 + wire type.
function hex<S extends DescMessage>(schema: S, value: MessageInitShape<S>): string {
  return Buffer.from(toBinary(schema, create(schema, value))).toString("hex");
}

/** What one field of this message can be made from. */
type Part<S extends DescMessage, K extends string> =
  Exclude<MessageInitShape<S>, Message> extends { [k in K]?: infer V } ? NonNullable<V> : never;

describe.each([
  ["v1", v1],
  ["v1alpha", v1alpha],
] as const)("grpc.reflection.%s", (version, reflection) => {
  const { ServerReflectionRequestSchema: Request, ServerReflectionResponseSchema: Response } = reflection;

  test("service", () => {
    const { method, typeName } = reflection.ServerReflection;
    expect(typeName).toBe(`grpc.reflection.${version}.ServerReflection`);
    expect(method.serverReflectionInfo).toMatchObject({
      name: "ServerReflectionInfo",
      methodKind: "bidi_streaming",
    });
  });

  test("questions", () => {
    const ask = (messageRequest: Part<typeof v1.ServerReflectionRequestSchema, "messageRequest">) =>
      hex(Request, { host: "h", messageRequest });
    expect(ask({ case: "fileByFilename", value: "a" })).toBe("0a0168" + "1a0161");
    expect(ask({ case: "fileContainingSymbol", value: "a" })).toBe("0a0168" + "220161");
    const extension = { containingType: "a", extensionNumber: 1159 };
    expect(ask({ case: "fileContainingExtension", value: extension })).toBe(
      "0a0168" + "2a06" + "0a0161" + "108709",
    );
    expect(ask({ case: "allExtensionNumbersOfType", value: "a" })).toBe("0a0168" + "320161");
    expect(ask({ case: "listServices", value: "*" })).toBe("0a0168" + "3a012a");
  });

  test("answers", () => {
    const answer = (messageResponse: Part<typeof v1.ServerReflectionResponseSchema, "messageResponse">) =>
      hex(Response, { validHost: "h", originalRequest: { host: "h" }, messageResponse });
    const head = "0a0168" + "1203" + "0a0168";
    const files = { fileDescriptorProto: [new Uint8Array([1]), new Uint8Array([2])] };
    expect(answer({ case: "fileDescriptorResponse", value: files })).toBe(`${head}22060a01010a0102`);
    const numbers = { baseTypeName: "a", extensionNumber: [1, 2] };
    expect(answer({ case: "allExtensionNumbersResponse", value: numbers })).toBe(`${head}2a070a016112020102`);
    const services = { service: [{ name: "a" }] };
    expect(answer({ case: "listServicesResponse", value: services })).toBe(`${head}32050a030a0161`);
    const error = { errorCode: 5, errorMessage: "a" };
    expect(answer({ case: "errorResponse", value: error })).toBe(`${head}3a050805120161`);
  });
});

test("grpc.health.v1", () => {
  expect(Health.typeName).toBe("grpc.health.v1.Health");
  expect(Health.methods.map((method) => `${method.name} ${method.methodKind}`)).toEqual([
    "Check unary",
    "List unary",
    "Watch server_streaming",
  ]);
  expect(hex(HealthCheckRequestSchema, { service: "a" })).toBe("0a0161");
  expect([0, 1, 2, 3].map((status) => hex(HealthCheckResponseSchema, { status }))).toEqual([
    "",
    "0801",
    "0802",
    "0803",
  ]);
  expect(hex(HealthListResponseSchema, { statuses: { a: { status: 1 } } })).toBe(
    "0a07" + "0a0161" + "12020801",
  );
});

test("google.rpc", () => {
  expect(ErrorInfoSchema.typeName).toBe("google.rpc.ErrorInfo");
  expect(hex(ErrorInfoSchema, { reason: "R", domain: "D", metadata: { k: "v" } })).toBe(
    "0a0152" + "120144" + "1a06" + "0a016b" + "120176",
  );
  expect(RetryInfoSchema.typeName).toBe("google.rpc.RetryInfo");
  expect(hex(RetryInfoSchema, { retryDelay: durationFromMs(3000) })).toBe("0a02" + "0803");
  expect(StatusSchema.typeName).toBe("google.rpc.Status");
  const details = [{ typeUrl: "t", value: new Uint8Array([1]) }];
  expect(hex(StatusSchema, { code: 5, message: "m", details })).toBe(
    "0805" + "12016d" + "1a06" + "0a0174" + "120101",
  );
});
