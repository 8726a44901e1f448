import http from "node:http";
import { gzipSync } from "node:zlib";
import type { DescField, DescMessage, DescMethod } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Random } from "./random.ts";
import type { FuzzedServer } from "./server.ts";

/** Longest that a request may hold the event loop, in milliseconds: for each MiB of it unpacked, and for less than one. */
const msPerMiB = 50;
/** What the machine may add, which is busy with others: the loop is then held by nobody. */
const slackMs = 150;
/** Most memory that stays in use after requests, for each byte that was sent, packed as it was. */
const heapPerByte = 16;
const heapSlack = 8 * 1024 * 1024;
/** Bytes of a request before it is packed. */
const unpackedBytes = 2 ** 20;

/** A request that is made to cost as much as it can. */
export interface Costly {
  readonly what: string;
  readonly method: DescMethod;
  readonly type: "application/proto" | "application/json";
  readonly content: Buffer;
}

/** One field again and again, or many that nobody knows, in one of the two encodings. */
export function costlyRequest(random: Random, methods: readonly DescMethod[]): Costly {
  const method = random.of(methods);
  const { names, field } = randomField(random, method.input);
  if (random.chance(50)) {
    const unit = field === null ? unknownRecord(random) : emptyRecord(field);
    const content = names.reduceRight<Uint8Array>((inner, { number }) => record(number, inner), filled(unit));
    return { what: pathOf(names, field), method, type: "application/proto", content: Buffer.from(content) };
  }
  const item = random.of(["{}", "0", '""', "null", "[]", '{"a":0}', '"x"', "1e3"]);
  const key = field?.jsonName ?? random.of(["x", "__proto__", "toString"]);
  const items = random.chance(80)
    ? `"${key}":[${`${item},`.repeat(unpackedBytes / (item.length + 1))}${item}]`
    : Array.from({ length: unpackedBytes / 12 }, (_, at) => `"${key}${at}":0`).join();
  const text = names.reduceRight((inner, { jsonName }) => `"${jsonName}":{${inner}}`, items);
  const what = `${pathOf(names, field)} ${item}`;
  return { what, method, type: "application/json", content: Buffer.from(`{${text}}`) };
}

/** Sends it packed, and measures. @returns what it cost too much of; null when nothing */
export async function costOf(server: FuzzedServer, token: string, costly: Costly): Promise<string | null> {
  const { method, type, content, what } = costly;
  const packed = gzipSync(content);
  const before = await server.measure();
  const status = await post(server, `/${method.parent.typeName}/${method.name}`, packed, {
    authorization: `Bearer ${token}`,
    "content-type": type,
    "content-encoding": "gzip",
  });
  const { heap, heldMs } = await server.measure();
  const grown = heap - before.heap;
  const allowedMs = msPerMiB * Math.max(1, content.length / 2 ** 20) + slackMs;
  const named = `${method.name} ${type} ${what} (${packed.length} bytes, ${content.length} unpacked, ${status})`;
  if (heldMs > allowedMs)
    return `${named} held the event loop for ${heldMs.toFixed(0)} ms of ${allowedMs.toFixed(0)}`;
  if (grown > heapPerByte * packed.length + heapSlack) return `${named} left ${grown} bytes in use`;
  return null;
}

function randomField(random: Random, input: DescMessage): { names: DescField[]; field: DescField | null } {
  const names: DescField[] = [];
  for (let message = input; ; ) {
    const { fields } = message;
    const field = fields.length === 0 || random.chance(15) ? null : random.of(fields);
    if (field?.fieldKind !== "message" || names.length >= 5) return { names, field };
    names.push(field);
    message = field.message;
  }
}

function emptyRecord({ number, message, scalar, fieldKind }: DescField): Uint8Array {
  const isText = scalar !== undefined && [9, 12].includes(scalar);
  const isBytes = message !== undefined || isText || fieldKind === "map";
  return isBytes
    ? record(number, new Uint8Array())
    : new BinaryWriter().tag(number, WireType.Varint).uint32(0).finish();
}

function unknownRecord(random: Random): Uint8Array {
  const number = 500 + random.below(100);
  if (random.chance(50)) return record(number, new Uint8Array());
  const group = new BinaryWriter().tag(number, WireType.StartGroup).tag(number, WireType.EndGroup).finish();
  return random.chance(50) ? group : new BinaryWriter().tag(number, WireType.Varint).uint32(0).finish();
}

function record(number: number, content: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(content).finish();
}

function filled(unit: Uint8Array): Buffer {
  return Buffer.alloc(Math.floor(unpackedBytes / unit.length) * unit.length, unit);
}

function pathOf(names: readonly DescField[], field: DescField | null): string {
  return [...names.map(({ name }) => name), field?.name ?? "unknown fields"].join(".");
}

function post(
  server: FuzzedServer,
  path: string,
  body: Buffer,
  headers: Record<string, string>,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.request(server.url + path, { method: "POST", headers, agent: false }, (response) => {
      response
        .on("end", () => resolve(response.statusCode ?? 0))
        .on("error", reject)
        .resume();
    });
    request.on("error", reject);
    request.end(body);
  });
}
