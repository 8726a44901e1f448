import type { DescMessage, DescMethodUnary, MessageShape } from "@bufbuild/protobuf";
import {
  createMethodSerializationLookup,
  type Serialization,
  type UniversalHandlerOptions,
} from "@connectrpc/connect/protocol";

/** Requests to messages and messages to answers, in one encoding. */
export interface Codec<I extends DescMessage = DescMessage, O extends DescMessage = DescMessage> {
  readonly request: Serialization<MessageShape<I>>;
  readonly response: Serialization<MessageShape<O>>;
}

/** Largest messages, in bytes. */
export interface CodecLimits {
  readonly readMaxBytes: number;
  readonly writeMaxBytes: number;
}

/** The codecs of a method, built once. They are Connect's own, so that messages and errors are the same. */
export function codecsOf(
  method: DescMethodUnary,
  limits: CodecLimits,
  jsonOptions: UniversalHandlerOptions["jsonOptions"],
): { readonly binary: Codec; readonly json: Codec } {
  const lookup = createMethodSerializationLookup(method, undefined, jsonOptions, limits);
  const codec = (binary: boolean): Codec => ({ request: lookup.getI(binary), response: lookup.getO(binary) });
  return { binary: codec(true), json: codec(false) };
}
