import http from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** A span as a collector gets it. Source of the numbers: github.com/open-telemetry/opentelemetry-proto, trace.proto. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first span of a trace. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  /** 2 is SERVER. */
  readonly kind: number;
  readonly durationMs: number;
  readonly attributes: Readonly<Record<string, string>>;
  /** 0 unset, 1 ok, 2 error. */
  readonly status: number;
  readonly statusMessage: string;
  /** Of the resource that sent it. */
  readonly resource: Readonly<Record<string, string>>;
}

export interface Collector {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  /** Method and path of every request, with its content type. */
  readonly requests: string[];
  /** Answers with this status from now on. */
  answer(status: number): void;
  close(): Promise<void>;
}

/** A collector that speaks OTLP over HTTP, in protobuf. */
export async function startCollector(port = 0): Promise<Collector> {
  const spans: ReceivedSpan[] = [];
  const requests: string[] = [];
  let status = 200;
  const server = http.createServer(async (req, res) => {
    requests.push(`${req.method} ${req.url} ${req.headers["content-type"]}`);
    const body = await buffer(req);
    if (status === 200) spans.push(...spansOf(body));
    res.writeHead(status, { "content-type": "application/x-protobuf" }).end();
  });
  // Open, and yet nothing that the server under test has left behind.
  server.on("connection", (socket) => socket.unref());
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  server.unref();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests,
    answer: (next) => {
      status = next;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Fields = ReadonlyMap<number, readonly (Uint8Array | bigint | number)[]>;

/** The fields of a message by number; what is nested stays bytes. */
function fieldsOf(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, (Uint8Array | bigint | number)[]>();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const values = fields.get(number) ?? [];
    fields.set(number, values);
    if (type === WireType.LengthDelimited) values.push(reader.bytes());
    else if (type === WireType.Bit64) values.push(BigInt(reader.fixed64()));
    else if (type === WireType.Bit32) values.push(reader.fixed32());
    else values.push(BigInt(reader.uint64()));
  }
  return fields;
}

const messages = (fields: Fields, number: number): Fields[] =>
  (fields.get(number) ?? []).map((value) => fieldsOf(value as Uint8Array));
const bytes = (fields: Fields, number: number) =>
  Buffer.from((fields.get(number)?.[0] ?? new Uint8Array()) as Uint8Array);
const text = (fields: Fields, number: number) => bytes(fields, number).toString();
const count = (fields: Fields, number: number) => (fields.get(number)?.[0] ?? 0n) as bigint;

function attributesOf(fields: Fields, number: number): Record<string, string> {
  return Object.fromEntries(
    messages(fields, number).map((pair) => {
      const value = messages(pair, 2)[0] ?? new Map();
      return [text(pair, 1), text(value, 1)];
    }),
  );
}

function spansOf(body: Uint8Array): ReceivedSpan[] {
  return messages(fieldsOf(body), 1).flatMap((ofResource) => {
    const resource = attributesOf(messages(ofResource, 1)[0] ?? new Map(), 1);
    const scopes = messages(ofResource, 2);
    return scopes.flatMap((scope) => messages(scope, 2)).map((span) => spanOf(span, resource));
  });
}

function spanOf(span: Fields, resource: Record<string, string>): ReceivedSpan {
  const status = messages(span, 15)[0] ?? new Map();
  return {
    traceId: bytes(span, 1).toString("hex"),
    spanId: bytes(span, 2).toString("hex"),
    traceState: text(span, 3),
    parentSpanId: bytes(span, 4).toString("hex"),
    name: text(span, 5),
    kind: Number(count(span, 6)),
    durationMs: Number(count(span, 8) - count(span, 7)) / 1e6,
    attributes: attributesOf(span, 9),
    statusMessage: text(status, 2),
    status: Number(count(status, 3)),
    resource,
  };
}
