import { Code, ConnectError } from "@connectrpc/connect";

/** Deepest nesting of objects and lists in a request: as protobuf's own implementations have it. */
export const jsonDepth = 100;
/** Most keys and items of one request, everything in it included: more than the largest that is allowed has. */
export const jsonItems = 100_000;
/** Most keys of one object. The contract has no message of so many fields. */
export const jsonKeys = 500;
/** Longest number, in characters: what the parser does with one grows with its digits. */
const longestNumber = 1000;

const quote = 0x22;
const comma = 0x2c;
const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;
const openList = 0x5b;
const backslash = 0x5c;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/**
 * Looks a text of JSON over before it is parsed, which makes objects out of every few characters: refuses what nests too
 * deep or holds too much, and a key that is there twice, of which the parser would keep the last. What is malformed is
 * left to the parser. Texts inside of it are passed over.
 * @throws ConnectError `invalid_argument`
 */
export function scanJson(text: string): void {
  /** Keys of each open object so far; null for a list. */
  const open: (Set<string> | null)[] = [];
  let items = 0;
  let isKey = false;
  let number = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (character === quote) {
      const end = endOfString(text, at);
      const keys = open.at(-1);
      if (isKey && keys != null) noteKey(keys, text.slice(at, end + 1));
      isKey = false;
      at = end;
    } else if (character === openObject || character === openList) {
      const isObject = character === openObject;
      open.push(isObject ? new Set() : null);
      isKey = isObject;
      items += 1;
      if (open.length > jsonDepth) throw refused(`nests deeper than ${jsonDepth} levels`);
    } else if (character === closeObject || character === closeList) {
      open.pop();
    } else if (character === comma) {
      isKey = open.at(-1) != null;
      items += 1;
    } else if (character === colon) isKey = false;
    number = character >= zero && character <= nine ? number + 1 : 0;
    if (number > longestNumber) throw refused(`has a number of more than ${longestNumber} digits`);
    if (items > jsonItems) throw refused(`has more than ${jsonItems} keys and items`);
  }
}

/** Where the string ends that begins here; the end of the text when it does not. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; ) {
    const end = text.indexOf('"', at);
    if (end === -1) return text.length;
    let before = end;
    while (text.charCodeAt(before - 1) === backslash) before -= 1;
    if ((end - before) % 2 === 0) return end;
    at = end + 1;
  }
}

function noteKey(keys: Set<string>, quoted: string): void {
  const key = quoted.includes("\\") ? plainKey(quoted) : quoted.slice(1, -1);
  if (keys.has(key)) throw refused(`has the key ${JSON.stringify(key.slice(0, 100))} twice`);
  if (keys.size >= jsonKeys) throw refused(`has an object of more than ${jsonKeys} keys`);
  keys.add(key);
}

/** Without its escapes; as it is when they are broken, which the parser will say. */
function plainKey(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}

function refused(what: string): ConnectError {
  return new ConnectError(`the JSON ${what}`, Code.InvalidArgument);
}
