import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { uuidv7Source } from "../../src/lib/ids.ts";
import { testClock } from "../support/clock.ts";

const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const millisecondOf = (id: string) => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

function expectRising(ids: readonly string[]): void {
  expect(ids).toEqual([...ids].sort());
  expect(new Set(ids).size).toBe(ids.length);
}

describe("ids", () => {
  test("are UUIDs of version 7 and variant 10, with the time in front", () => {
    const clock = testClock();
    const newId = uuidv7Source(clock);
    for (let i = 0; i < 100; i++) {
      clock.advance(i);
      const id = newId();
      expect(id).toMatch(shape);
      if (i > 0) expect(millisecondOf(id)).toBe(clock.now());
    }
  });

  test.each([0x00, 0xff])("keep version and variant whatever is random: bytes of %i", (byte) => {
    const newId = uuidv7Source(testClock(), (bytes) => bytes.fill(byte));
    expect(newId()).toMatch(shape);
  });

  test("10,000 in one millisecond are distinct and in order", () => {
    const newId = uuidv7Source(testClock());
    expectRising(Array.from({ length: 10_000 }, newId));
  });

  test("stay in order whatever the wall clock does", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3_600_000, max: 3_600_000 }), { maxLength: 100 }), (steps) => {
        const clock = testClock();
        const newId = uuidv7Source(clock);
        const ids = steps.map((step) => {
          clock.step(step);
          return newId();
        });
        expectRising(ids);
      }),
    );
  });

  test("do not repeat their random bits", () => {
    const newId = uuidv7Source(testClock());
    const tails = Array.from({ length: 1000 }, () => newId().slice(19));
    expect(new Set(tails).size).toBe(1000);
  });
});
