import type { DescMessage, JsonValue } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { violationsToProto } from "@bufbuild/protovalidate";
import { Code, ConnectError } from "@connectrpc/connect";
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

/** Deepest nesting of objects and lists in a request: as protobuf's own implementations have it. */
export const jsonDepth = 100;

/** Whether a text of JSON nests deeper than a request may. Brackets inside of strings do not count. */
export function isTooDeep(text: string): boolean {
  // Each level takes one character to open.
  if (text.length <= jsonDepth) return false;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (character === 0x22) inString = !inString;
    else if (inString) at += character === 0x5c ? 1 : 0;
    else if (character === 0x7b || character === 0x5b) {
      depth += 1;
      if (depth > jsonDepth) return true;
    } else if (character === 0x7d || character === 0x5d) depth -= 1;
  }
  return false;
}
