import type { DescService, FileRegistry, Message } from "@bufbuild/protobuf";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { type Any, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

// The suite's schema is read when it runs, so nothing generates these types. They name only what the service
// works with; the suite's service.proto says what each field means.

export interface Header {
  readonly name: string;
  readonly value: readonly string[];
}

export interface ErrorDefinition {
  readonly code: number;
  readonly message?: string;
  readonly details: readonly Any[];
}

interface Definition {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
}

export interface UnaryDefinition extends Definition {
  readonly response:
    | { readonly case: "responseData"; readonly value: Uint8Array }
    | { readonly case: "error"; readonly value: ErrorDefinition }
    | { readonly case: "rawResponse" | undefined };
}

export interface StreamDefinition extends Definition {
  readonly responseData: readonly Uint8Array[];
  readonly error?: ErrorDefinition;
}

export type UnaryRequest = Message & { readonly responseDefinition?: UnaryDefinition };
export type StreamRequest = Message & { readonly responseDefinition?: StreamDefinition };
export type BidiRequest = StreamRequest & { readonly fullDuplex: boolean };

/** What the runner wants of one server. Texts are PEM. */
export type ServerRequest = Message & {
  readonly useTls: boolean;
  /** Empty: clients show no certificate. */
  readonly clientTlsCert: Uint8Array;
  /** In bytes; 0 is no limit. */
  readonly messageReceiveLimit: number;
  readonly serverCreds?: { readonly cert: Uint8Array; readonly key: Uint8Array };
};

/** The suite's package, without which none of its names are complete. */
const suite = "connectrpc.conformance.v1";

/** Reads the descriptors that `buf build` made of the suite's protos. */
export function suiteSchema(image: Uint8Array): FileRegistry {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
}

export function conformanceService(schema: FileRegistry): DescService {
  const service = schema.getService(`${suite}.ConformanceService`);
  if (service === undefined) throw new Error("the schema has no ConformanceService");
  return service;
}

export function messageOf(schema: FileRegistry, name: string) {
  const message = schema.getMessage(`${suite}.${name}`);
  if (message === undefined) throw new Error(`the schema has no ${name}`);
  return message;
}
