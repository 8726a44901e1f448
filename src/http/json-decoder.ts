import type { DescMessage, JsonValue } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { violationsToProto } from "@bufbuild/protovalidate";
import { Code, ConnectError } from "@connectrpc/connect";
import { isTooDeep, jsonDepth } from "./json-depth.ts";
import { enumCheck } from "./json-enums.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Decodes the JSON of one message type to text, as `TextDecoder` does, and refuses what the JSON parser behind
 * it would let through: bytes that are not UTF-8 (it would put U+FFFD in their place) and unknown enum names
 * (it would drop them, so that a typo reads as "unset"). Throws `invalid_argument`.
 */
export function jsonDecoder(message: DescMessage): Pick<TextDecoder, "decode"> {
  const check = enumCheck(message);
  return {
    decode(bytes: Uint8Array): string {
      const text = decodeUtf8(bytes);
      if (isTooDeep(text)) {
        throw new ConnectError(`the JSON nests deeper than ${jsonDepth} levels`, Code.InvalidArgument);
      }
      if (check === undefined) return text;
      let json: JsonValue;
      try {
        json = JSON.parse(text);
      } catch {
        // The parser behind this reports it, with the position.
        return text;
      }
      const violations = check(json);
      if (violations.length === 0) return text;
      const [value, desc] = violationsToProto(violations);
      const message = violations.map((found) => `${pathToString(found.field)}: ${found.message}`).join("; ");
      throw new ConnectError(message, Code.InvalidArgument, undefined, [{ desc, value }]);
    },
  };
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ConnectError("the request is not valid UTF-8", Code.InvalidArgument);
  }
}
