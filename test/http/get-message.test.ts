import { gzipSync } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Toy, toyServer } from "./support/toy-server.ts";

let server: Toy;
let admits = true;
/** What the calls that the gate let in ended with, as the server counts them. */
const ends: unknown[] = [];
beforeAll(async () => {
  server = await toyServer({
    handler: {
      requestGate() {
        if (!admits) throw new ConnectError("too many calls", Code.ResourceExhausted);
      },
      onOver: (_context, reason) => void ends.push(ConnectError.from(reason).code),
    },
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});
beforeEach(() => {
  admits = true;
  ends.length = 0;
});

const get = (message: string, query = "") =>
  fetch(
    `${server.url}/gitpod.v1.RunnerService/ListRunners?connect=v1&encoding=proto&base64=1&message=${message}${query}`,
  );
const packed = (bytes: Uint8Array) => gzipSync(bytes).toString("base64url");

test.each(["%00", "a", "*", "ab!d", "%F0%9F%92%A9"])(
  "%s for base64 is an invalid argument",
  async (message) => {
    const answer = await get(message);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({
      code: "invalid_argument",
      message: "the parameter message is not valid base64",
    });
    expect(server.errors).toEqual([]);
  },
);

test.each(["", "CgIIAQ", "CgIIAQ%3D%3D"])("%s is", async (message) => {
  expect((await get(message)).status).toBe(200);
});

describe.each([
  ["bad base64", "*", "", 400, Code.InvalidArgument],
  ["what is not packed", "AAAA", "&compression=gzip", 400, Code.InvalidArgument],
  // The field 1000, which the contract does not have: 4,000 times a varint of one byte.
  [
    "too many unknown fields",
    packed(Buffer.from("c03e01".repeat(4_000), "hex")),
    "&compression=gzip",
    400,
    Code.InvalidArgument,
  ],
  [
    "more than a URL could hold",
    packed(Buffer.alloc(64 * 1024 + 1)),
    "&compression=gzip",
    429,
    Code.ResourceExhausted,
  ],
])("%s", (_name, message, query, status, code) => {
  test("is refused behind the gate, and counted like any call", async () => {
    expect((await get(message, query)).status).toBe(status);
    expect(ends).toEqual([code]);
  });

  test("is not looked at when the gate refuses the call", async () => {
    admits = false;
    const answer = await get(message, query);
    expect([answer.status, await answer.json()]).toEqual([
      429,
      { code: "resource_exhausted", message: "too many calls" },
    ]);
    expect(ends).toEqual([]);
  });
});
