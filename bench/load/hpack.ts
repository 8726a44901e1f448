/** Header fields of a request, names in lower case, pseudo-headers first. */
export type Fields = readonly (readonly [name: string, value: string])[];

/** A request's header fields as the client sends them on a connection whose requests have the same ones but for the varying. */
export interface HeaderBlocks {
  /** Of the connection's first request: puts every field that does not vary into the peer's dynamic table. */
  readonly first: Buffer;
  /** Of every later one: a byte for a field that does not vary. */
  readonly later: Buffer;
}

/** Entries of HPACK's static table that requests use (RFC 7541, appendix A). */
const staticPairs: Readonly<Record<string, number>> = {
  ":method POST": 3,
  ":scheme http": 6,
  ":scheme https": 7,
};
const staticNames: Readonly<Record<string, number>> = {
  ":authority": 1,
  ":path": 4,
  "content-length": 28,
  "content-type": 31,
  authorization: 23,
  "user-agent": 58,
};
const staticTableSize = 61;

/**
 * Encodes header fields as every good client does (RFC 7541): in full once, then by their place in the dynamic table;
 * in full always what varies. Without Huffman codes. The fields must fit into a dynamic table of 4,096 bytes.
 */
function headerBlocks(fields: Fields, varying: readonly string[]): HeaderBlocks {
  const first: Buffer[] = [];
  const later: Buffer[] = [];
  const isStatic = ([name, value]: Fields[number]) => staticPairs[`${name} ${value}`] !== undefined;
  const added = fields.filter((field) => !isStatic(field) && !varying.includes(field[0])).length;
  let place = 0;
  for (const [name, value] of fields) {
    const pair = staticPairs[`${name} ${value}`];
    if (pair !== undefined) {
      first.push(integer(0x80, 7, pair));
      later.push(integer(0x80, 7, pair));
      continue;
    }
    if (varying.includes(name)) {
      first.push(inFull(name, value));
      later.push(inFull(name, value));
      continue;
    }
    const known = staticNames[name];
    first.push(integer(0x40, 6, known ?? 0), ...(known === undefined ? [text(name)] : []), text(value));
    // The newest entry has the smallest index.
    later.push(integer(0x80, 7, staticTableSize + added - place));
    place += 1;
  }
  return { first: Buffer.concat(first), later: Buffer.concat(later) };
}

/** The same request with a further field, which varies. */
export function withField({ first, later }: HeaderBlocks, name: string, value: string): HeaderBlocks {
  const field = inFull(name, value);
  return { first: Buffer.concat([first, field]), later: Buffer.concat([later, field]) };
}

/** A field that leaves no trace in the peer's table (RFC 7541, section 6.2.2). */
function inFull(name: string, value: string): Buffer {
  const known = staticNames[name];
  return Buffer.concat([
    integer(0, 4, known ?? 0),
    ...(known === undefined ? [text(name)] : []),
    text(value),
  ]);
}

/** Blocks for POST requests to a path, over clear text. @param varying the names of the fields that differ between requests */
export function requestBlocks(
  to: { readonly host: string; readonly port: number },
  path: string,
  fields: Fields,
  varying: readonly string[] = [],
): HeaderBlocks {
  const pseudo: Fields = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", `${to.host}:${to.port}`],
  ];
  return headerBlocks([...pseudo, ...fields], varying);
}

/** RFC 7541, section 5.1. */
function integer(flags: number, prefixBits: number, value: number): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.of(flags | value);
  const bytes = [flags | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

/** RFC 7541, section 5.2. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  return Buffer.concat([integer(0, 7, bytes.length), bytes]);
}
