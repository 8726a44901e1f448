/** Frame types of HTTP/2 (RFC 9113, section 6). */
export const h2 = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const endStream = 0x01;
export const endHeaders = 0x04;

/** One frame, its length filled in. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header block without Huffman coding: `:method GET`, `:scheme http`, and the path and authority as literals. */
export function getBlock(path: string): Buffer {
  const literal = (index: number, value: string) =>
    Buffer.concat([Buffer.from([index, value.length]), Buffer.from(value)]);
  return Buffer.concat([Buffer.from([0x82, 0x86]), literal(0x04, path), literal(0x01, "x")]);
}

/** A header block of literals, names and values alike: each below 127 bytes, as nothing is needed that is longer. */
export function headerBlock(fields: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  const literals = Object.entries(fields).map(([name, value]) => [Buffer.from([0]), text(name), text(value)]);
  return Buffer.concat(literals.flat());
}

/** The same for a POST. */
export function postBlock(path: string, contentType: string): Buffer {
  const pseudo = { ":method": "POST", ":scheme": "http", ":path": path, ":authority": "x" };
  return headerBlock({ ...pseudo, "content-type": contentType });
}

/** A 32-bit number, as RST_STREAM and WINDOW_UPDATE carry. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
