import { expect, test } from "vitest";
import { randomPool } from "../../src/lib/random-pool.ts";

test("no byte is handed out twice, across fillings of the pool too", () => {
  let next = 0;
  const filled: Uint8Array[] = [];
  const piece = randomPool(2, (bytes) => {
    filled.push(bytes);
    const words = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    for (let at = 0; at < words.length; at += 1) words[at] = next++;
    return bytes;
  });
  const pieces = Array.from({ length: 1000 }, () => Buffer.from(piece()).readUInt16LE());
  expect(pieces).toEqual(pieces.map((_, index) => index));
  expect(filled.length).toBeGreaterThan(1);
});

test("the pool keeps nothing of what it handed out", () => {
  let pool: Uint8Array = new Uint8Array();
  const piece = randomPool(4, (bytes) => {
    pool = bytes;
    return bytes.fill(7);
  });
  piece();
  piece();
  expect([...pool.subarray(0, 12)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 7, 7, 7, 7]);
});

test("the system's randomness fills it unless told otherwise", () => {
  const piece = randomPool(32);
  const pieces = Array.from({ length: 300 }, () => Buffer.from(piece()).toString("hex"));
  expect(new Set(pieces).size).toBe(300);
});
