import { brotliCompressSync, gzipSync } from "node:zlib";
import { create, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ListRunnersRequestSchema } from "../../../gen/gitpod/v1/runner_pb.js";
import { ReportRunnerMetricsRequestSchema } from "../../../gen/rollcall/v1/agent_pb.js";
import { mostRecords, wireCheck } from "../../../src/http/binary/wire-check.ts";
import { messages } from "../../fuzz/messages.ts";
import { plainRequest } from "../../support/http.ts";
import { adminToken, startTestServer, type TestServer } from "../../support/server.ts";

const metrics: DescMessage = ReportRunnerMetricsRequestSchema;
const samples = 3;
const bytes = (write: (writer: BinaryWriter) => void) => {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
};
const repeated = (unit: Uint8Array, count: number) => Buffer.concat(Array<Uint8Array>(count).fill(unit));
const emptySample = bytes((writer) => writer.tag(samples, WireType.LengthDelimited).bytes(new Uint8Array()));
const emptyLabel = bytes((writer) => writer.tag(2, WireType.LengthDelimited).bytes(new Uint8Array()));
const unknown = bytes((writer) => writer.tag(99, WireType.Varint).uint32(1));
const within = (field: number, content: Uint8Array) =>
  bytes((writer) => writer.tag(field, WireType.LengthDelimited).bytes(content));
const check = (content: Uint8Array) => () => wireCheck(metrics)(content);

describe("counted before it is decoded", () => {
  test("a list with more items than it may have is refused by its own rule, wherever it is", () => {
    expect(check(repeated(emptySample, 1001))).not.toThrow();
    expect(check(repeated(emptySample, 10_000))).toThrow("samples: must contain no more than 1000 item(s)");
    const labels = within(samples, repeated(emptyLabel, 10_000));
    expect(check(Buffer.concat([emptySample, labels]))).toThrow(
      "samples[1].labels: must contain no more than 20 item(s)",
    );
  });

  test("a run of numbers counts each of them", () => {
    const filter = ListRunnersRequestSchema.field.filter;
    const kinds = filter.message?.field.kinds;
    const run = within(filter.number, within(kinds?.number ?? 0, Buffer.alloc(10_000, 1)));
    expect(() => wireCheck(ListRunnersRequestSchema)(run)).toThrow(
      "filter.kinds: must contain no more than 25",
    );
  });

  test("fields that nobody knows are few, in groups too", () => {
    const tooMany = "fields that are not in its contract";
    expect(check(repeated(unknown, 1_500))).not.toThrow();
    expect(check(repeated(unknown, 10_000))).toThrow(tooMany);
    const group = bytes((writer) =>
      writer.tag(99, WireType.StartGroup).raw(repeated(emptySample, 10_000)).tag(99, WireType.EndGroup),
    );
    expect(check(group)).toThrow(tooMany);
  });

  test("a field that comes again and again is counted", () => {
    const generation = bytes((writer) => writer.tag(2, WireType.Varint).uint32(1));
    expect(check(repeated(generation, mostRecords + 1))).toThrow(`more than ${mostRecords} fields and items`);
  });

  test("what the tag and the schema call differently is refused: both would count something else", () => {
    const asNumber = bytes((writer) => writer.tag(samples, WireType.Varint).uint32(5000));
    expect(check(Buffer.concat([asNumber, Buffer.alloc(5000)]))).toThrow(
      "samples: is encoded as another type",
    );
  });

  test("a field whose length leads past the end of what holds it hides nothing behind it", () => {
    // The decoder reads on behind the end of a message that its last field has run over.
    const over = Buffer.from([...emptySample.subarray(0, 1), 2, 0x0a, 4]);
    const hidden = Buffer.concat([over, Buffer.alloc(4, 0x61), repeated(emptySample, 10_000)]);
    expect(check(hidden)).toThrow("samples: must contain no more than 1000 item(s)");
    const long = Buffer.from([0x98, 0x06, ...Array<number>(20).fill(0x80), 0]);
    expect(check(Buffer.concat([long, repeated(emptySample, 10_000)]))).toThrow("samples: must contain");
  });
});

test("what may be sent is let through as it is, and what is damaged never breaks the check", () => {
  const samplesOf = (count: number) =>
    Array.from({ length: count }, (_, at) => ({
      name: `metric_${at}`,
      value: at,
      labels: Array.from({ length: 20 }, (_, label) => ({ name: `label_${label}`, value: "x".repeat(10) })),
    }));
  const largest = toBinary(metrics, create(metrics, { generation: 1, samples: samplesOf(1000) }));
  expect(check(largest)).not.toThrow();
  const damaged = fc.tuple(messages(metrics), fc.nat(), fc.nat(255));
  fc.assert(
    fc.property(damaged, ([message, at, byte]) => {
      const whole = Buffer.concat([within(98, Buffer.alloc(4200)), toBinary(metrics, message)]);
      expect(check(whole)).not.toThrow();
      whole[at % whole.length] = byte;
      try {
        wireCheck(metrics)(whole);
      } catch (error) {
        expect(error).toMatchObject({ name: "ConnectError" });
        return;
      }
      try {
        fromBinary(metrics, whole);
      } catch {
        // The decoder says so then.
      }
    }),
    { numRuns: 50 },
  );
});

describe("whichever way it comes", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());

  const filter = ListRunnersRequestSchema.field.filter;
  const id = within(filter.message?.field.creatorIds?.number ?? 0, new Uint8Array());
  const request = within(filter.number, repeated(id, 100_000));
  const json = Buffer.from(JSON.stringify({ filter: { creatorIds: Array<string>(20_000).fill("") } }));
  const packed = {
    gzip: gzipSync,
    br: brotliCompressSync,
    identity: (content: Uint8Array) => Buffer.from(content),
  };

  // Connect's way is taken for web pages, which say where they come from.
  const ways = { "hot path": {}, "Connect's way": { origin: "https://example.com" } };
  const cases = Object.keys(ways).flatMap((way) =>
    ["proto", "json", "grpc-web+proto", "grpc-web+json"].flatMap((type) =>
      (["identity", "gzip", "br"] as const).map((encoding) => [way, type, encoding] as const),
    ),
  );
  async function answerOf([way, type, encoding]: (typeof cases)[number], request: Uint8Array) {
    const content = packed[encoding](request);
    const isFramed = type.startsWith("grpc-web");
    const encodingHeader = isFramed ? "grpc-encoding" : "content-encoding";
    return plainRequest(`${server.url}/gitpod.v1.RunnerService/ListRunners`, {
      method: "POST",
      headers: {
        ...ways[way as keyof typeof ways],
        authorization: `Bearer ${adminToken}`,
        "content-type": `application/${type}`,
        [encodingHeader]: encoding,
        [isFramed ? "grpc-accept-encoding" : "accept-encoding"]: "identity",
      },
      body: isFramed ? encodeEnvelope(encoding === "identity" ? 0 : 1, content) : content,
    });
  }

  test.each(cases)("a list that is too long, by %s, %s, %s", async (...way) => {
    const answer = await answerOf(way, way[1].includes("json") ? json : request);
    expect(decodeURIComponent(answer.text)).toContain(
      "filter.creator_ids: must contain no more than 25 item(s) [repeated.max_items]",
    );
    expect(answer.text.length).toBeLessThan(1000);
    expect(answer.text).not.toContain("creator_ids[");
  });

  const binary = cases.filter(([, type]) => type.includes("proto"));
  test.each(binary)("fields that nobody knows, by %s, %s, %s", async (...way) => {
    const answer = await answerOf(way, repeated(unknown, 10_000));
    const { text } = answer;
    expect(decodeURIComponent(text)).toContain("more than 2000 fields that are not in its contract");
    expect(text).toMatch(way[1] === "proto" ? /"code":"invalid_argument"/ : /grpc-status: ?3\r/);
  });

  test("what unpacks to more than a URL could hold is refused in a GET", async () => {
    const message = gzipSync(Buffer.alloc(100_000, unknown)).toString("base64url");
    const query = `connect=v1&encoding=proto&compression=gzip&base64=1&message=${message}`;
    const answer = await plainRequest(`${server.url}/gitpod.v1.RunnerService/ListRunners?${query}`, {
      headers: { authorization: `Bearer ${adminToken}` },
    });
    expect([answer.status, answer.json().code]).toEqual([429, "resource_exhausted"]);
    const small = gzipSync(toBinary(ListRunnersRequestSchema, create(ListRunnersRequestSchema)));
    const well = await plainRequest(
      `${server.url}/gitpod.v1.RunnerService/ListRunners?${query.replace(message, small.toString("base64url"))}`,
      { headers: { authorization: `Bearer ${adminToken}` } },
    );
    expect(well.status).toBe(200);
  });
});
