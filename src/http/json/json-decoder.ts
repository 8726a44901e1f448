import { type DescMessage, fromJson, type JsonValue, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { rulesBroken } from "../../rpc/call/violations.ts";
import { jsonCheck } from "./json-check.ts";
import { scanJson } from "./json-scan.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });
/** Longer texts are passed on to Connect without what their message does not know: it looks at every letter again. */
const passedOnAsItIs = 16 * 1024;

/** Reads requests of one message type from JSON. All that is wrong is said in our words: where, and what is expected. */
export interface JsonDecoder {
  /** @throws ConnectError `invalid_argument` */
  read(bytes: Uint8Array): Message;
  /** The text for a parser that is not ours: as `TextDecoder` decodes it, once `read` has found nothing wrong with it. */
  decode(bytes: Uint8Array): string;
}

/** Plans the decoder of a message type once. */
export function jsonDecoder(message: DescMessage): JsonDecoder {
  const check = jsonCheck(message);
  const parse = (text: string): { message: Message; known: JsonValue } => {
    scanJson(text);
    const { known, found } = check(parsed(text));
    if (found.total > 0) throw rulesBroken(found);
    try {
      return { message: fromJson(message, known, { ignoreUnknownFields: true }), known };
    } catch {
      // The parser's own words are for who wrote it, and may be as long as what was sent.
      throw refused(`the JSON does not fit ${message.typeName}`);
    }
  };
  return {
    read: (bytes) => parse(decodeUtf8(bytes)).message,
    decode(bytes) {
      const text = decodeUtf8(bytes);
      const { known } = parse(text);
      return text.length <= passedOnAsItIs ? text : JSON.stringify(known);
    },
  };
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw refused("the request is not valid UTF-8");
  }
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refused(`the request is not valid JSON${whereOf(String(error))}`);
  }
}

/** What the engine says of where, without its words around it, which quote what was sent. */
function whereOf(problem: string): string {
  if (problem.includes("end of JSON")) return ": it ends too early";
  const at = / at position (\d+)/.exec(problem)?.[1];
  return at === undefined ? "" : `: wrong at character ${at}`;
}

function refused(what: string): ConnectError {
  return new ConnectError(what, Code.InvalidArgument);
}
