import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseTraceparent } from "../../src/rpc/call/observed-call.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";

describe("a traceparent", () => {
  test("says which trace and span the call belongs to, and whether they are recorded", () => {
    expect(parseTraceparent(`00-${traceId}-${spanId}-01`)).toEqual({ traceId, spanId, sampled: true });
    expect(parseTraceparent(`00-${traceId}-${spanId}-00`)).toEqual({ traceId, spanId, sampled: false });
    expect(parseTraceparent(`00-${traceId}-${spanId}-03`)?.sampled).toBe(true);
  });

  test("of a later version may say more", () => {
    expect(parseTraceparent(`cc-${traceId}-${spanId}-01-what-the-future-brings`)).toEqual({
      traceId,
      spanId,
      sampled: true,
    });
  });

  test.each([
    ["nothing", null],
    ["an empty one", ""],
    ["version ff", `ff-${traceId}-${spanId}-01`],
    ["more than version 00 has", `00-${traceId}-${spanId}-01-more`],
    ["a trace id of zeros", `00-${"0".repeat(32)}-${spanId}-01`],
    ["a span id of zeros", `00-${traceId}-${"0".repeat(16)}-01`],
    ["upper case", `00-${traceId.toUpperCase()}-${spanId}-01`],
    ["a short trace id", `00-${traceId.slice(1)}-${spanId}-01`],
    ["no flags", `00-${traceId}-${spanId}`],
    ["two of them", `00-${traceId}-${spanId}-01, 00-${traceId}-${spanId}-01`],
  ])("is ignored when it is %s", (_what, header) => {
    expect(parseTraceparent(header)).toBeNull();
  });

  test("never throws, and gives only ids that every tracer takes", () => {
    const hex = (length: number) =>
      fc.string({ unit: fc.constantFrom(..."0123456789abcdefA-"), minLength: 0, maxLength: length + 1 });
    const almost = fc
      .tuple(hex(2), hex(32), hex(16), hex(2), fc.constantFrom("", "-", "-x", " "))
      .map(([version, trace, span, flags, rest]) => `${version}-${trace}-${span}-${flags}${rest}`);
    const sound = fc
      .tuple(
        fc.stringMatching(/^[\da-f]{2}$/),
        fc.stringMatching(/^[\da-f]{32}$/),
        fc.stringMatching(/^[\da-f]{16}$/),
      )
      .map(([version, trace, span]) => `${version}-${trace}-${span}-01`);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary" }), almost, sound), (header) => {
        const found = parseTraceparent(header);
        if (found === null) return;
        expect(found.traceId).toMatch(/^(?!0+$)[\da-f]{32}$/);
        expect(found.spanId).toMatch(/^(?!0+$)[\da-f]{16}$/);
        expect(header).toContain(`-${found.traceId}-${found.spanId}-`);
      }),
      { numRuns: 2_000 },
    );
  });

  test("of any length is read in a moment", () => {
    const before = process.cpuUsage();
    parseTraceparent(`00-${"a".repeat(100_000)}`);
    parseTraceparent(`00-${traceId}-${spanId}-01${"-".repeat(100_000)}`);
    // Trying every split of it would take many seconds.
    expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
  });
});
