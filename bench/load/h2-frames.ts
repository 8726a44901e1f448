/** Frame types and flags (RFC 9113, section 6). */
export const frameType = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
} as const;
export const frameFlag = { END_STREAM: 1, ACK: 1, END_HEADERS: 4 } as const;
export const setting = { ENABLE_PUSH: 2, MAX_CONCURRENT_STREAMS: 3, INITIAL_WINDOW_SIZE: 4 } as const;
/** The error code for a call that is not wanted any more. */
const cancel = 8;

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
export const frameHead = 9;
export const largestWindow = 2 ** 31 - 1;
export const defaultWindow = 65_535;
/** Status 200 in HPACK: the first byte of a block, unless a change of the table's size comes before it. */
const status200 = 0x88;

export function frame(kind: number, flags: number, stream: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(frameHead + payload.length);
  writeHead(bytes, 0, payload.length, kind, flags, stream);
  payload.copy(bytes, frameHead);
  return bytes;
}

/** HEADERS and DATA of a whole request. */
export function requestFrames(stream: number, block: Buffer, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(2 * frameHead + block.length + body.length);
  writeHead(bytes, 0, block.length, frameType.HEADERS, frameFlag.END_HEADERS, stream);
  block.copy(bytes, frameHead);
  const data = frameHead + block.length;
  writeHead(bytes, data, body.length, frameType.DATA, frameFlag.END_STREAM, stream);
  bytes.set(body, data + frameHead);
  return bytes;
}

export function settings(values: Readonly<Record<number, number>>): Buffer {
  const entries = Object.entries(values);
  const payload = Buffer.alloc(6 * entries.length);
  entries.forEach(([id, value], index) => {
    payload.writeUInt16BE(Number(id), 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  });
  return frame(frameType.SETTINGS, 0, 0, payload);
}

/** The value of a setting in the payload of a SETTINGS frame; undefined when it is not in it. */
export function settingIn(payload: Buffer, id: number): number | undefined {
  for (let at = 0; at + 6 <= payload.length; at += 6) {
    if (payload.readUInt16BE(at) === id) return payload.readUInt32BE(at + 2);
  }
  return undefined;
}

export function windowUpdate(bytes: number): Buffer {
  return frame(frameType.WINDOW_UPDATE, 0, 0, uint32(bytes));
}

export function cancelStream(stream: number): Buffer {
  return frame(frameType.RST_STREAM, 0, stream, uint32(cancel));
}

/** Whether a response's header block begins with status 200, behind changes of the dynamic table's size (RFC 7541, section 6.3). */
export function isStatus200(block: Buffer): boolean {
  let at = 0;
  while (((block[at] ?? 0) & 0xe0) === 0x20) {
    const long = ((block[at] ?? 0) & 0x1f) === 0x1f;
    at += 1;
    if (long) while ((block[at++] ?? 0) & 0x80);
  }
  return block[at] === status200;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}

function writeHead(to: Buffer, at: number, length: number, kind: number, flags: number, stream: number) {
  to.writeUIntBE(length, at, 3);
  to[at + 3] = kind;
  to[at + 4] = flags;
  to.writeUInt32BE(stream, at + 5);
}
