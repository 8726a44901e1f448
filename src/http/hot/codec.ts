import type { DescMessage, DescMethodUnary, Message, MessageShape } from "@bufbuild/protobuf";
import {
  createMethodSerializationLookup,
  type Serialization,
  type UniversalHandlerOptions,
} from "@connectrpc/connect/protocol";
import { encodedOnce } from "../../rpc/call/lasting-answers.ts";
import { wireCheck } from "../binary/wire-check.ts";
import { jsonDecoder } from "../json/json-decoder.ts";

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
  const check = wireCheck(method.input);
  const json = jsonDecoder(method.input);
  const lookup = createMethodSerializationLookup(method, undefined, jsonOptions, limits);
  const codec = (binary: boolean): Codec => {
    const { parse, serialize } = lookup.getO(binary);
    const as = binary ? "binary" : "json";
    const request = lookup.getI(binary);
    return {
      request: { ...request, parse: binary ? (bytes) => parseChecked(bytes, request) : json.read },
      response: { parse, serialize: (message) => encodedOnce(message, as, () => serialize(message)) },
    };
  };
  return { binary: codec(true), json: codec(false) };

  function parseChecked(bytes: Uint8Array, { parse }: Serialization<Message>): Message {
    check(bytes);
    return parse(bytes);
  }
}
