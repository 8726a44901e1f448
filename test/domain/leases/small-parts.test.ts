import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planDeletion, WindDowns, windDownLeftMs } from "../../../src/domain/leases/deletion.ts";
import { RefusalReason, refusalError } from "../../../src/domain/leases/refusal.ts";
import { defaultLeaseSettings, timingFor } from "../../../src/domain/leases/settings.ts";
import { cleanNotice, cleanText, reportDigest } from "../../../src/domain/leases/text.ts";
import { RunnerProvider } from "../../../src/domain/runners/enums.ts";

describe("settings", () => {
  test("the defaults are sound and are what the contract promises", () => {
    expect(timingFor(defaultLeaseSettings, RunnerProvider.GCP)).toEqual({
      intervalMs: 30_000,
      graceMs: 15_000,
    });
  });
});

describe("refusals", () => {
  test("each has its own reason and a text", () => {
    for (const reason of Object.values(RefusalReason)) {
      const error = refusalError(reason);
      expect(error.reason).toBe(reason);
      expect(error.message).not.toBe("");
    }
    expect(refusalError("SUPERSEDED").kind).toBe("aborted");
    expect(refusalError("RUNNER_DELETED").kind).toBe("unauthenticated");
    expect(refusalError("TOKEN_EXPIRED").kind).toBe("unauthenticated");
  });
});

describe("messages of runners", () => {
  test("lose what could deceive a reader, and nothing else", () => {
    expect(cleanText("disk full\n\tpath: /var – 98 % 🚀")).toEqual({
      text: "disk full\n\tpath: /var – 98 % 🚀",
      replaced: 0,
    });
    expect(cleanText("a\u001b[31mb\u0000c\u202ed\r")).toEqual({
      text: "a\ufffd[31mb\ufffdc\ufffdd\ufffd",
      replaced: 4,
    });
    expect(cleanNotice("status.message", 0)).toBeNull();
    expect(cleanNotice("status.message", 1)).toBe("status.message: 1 control character was replaced");
  });

  test("are clean after one cleaning, whatever they were", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const once = cleanText(text).text;
        expect(cleanText(once)).toEqual({ text: once, replaced: 0 });
      }),
    );
  });
});

describe("report digests", () => {
  test("differ when one bit differs, and are never 0", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), fc.nat(7), (bytes, at, bit) => {
        const other = Uint8Array.from(bytes);
        const index = at % bytes.length;
        other[index] = (other[index] ?? 0) ^ (1 << bit);
        expect(reportDigest(bytes)).toBe(reportDigest(Uint8Array.from(bytes)));
        expect(reportDigest(bytes)).not.toBe(reportDigest(other));
        expect(Number.isSafeInteger(reportDigest(bytes))).toBe(true);
      }),
    );
    expect(reportDigest(new Uint8Array())).not.toBe(0);
  });

  test("of 100,000 short reports are all different", () => {
    const seen = new Set<number>();
    for (let i = 0; i < 100_000; i++) seen.add(reportDigest(Buffer.from(`phase ${i}`)));
    expect(seen.size).toBe(100_000);
  });
});

describe("deletion", () => {
  test("waits only for a runner that is there to be told", () => {
    expect(planDeletion(false, true)).toBe("wind_down");
    expect(planDeletion(true, true)).toBe("delete_now");
    expect(planDeletion(false, false)).toBe("delete_now");
  });

  test("after a restart has between nothing and the whole time left, whatever the wall clock did", () => {
    expect(windDownLeftMs(1_000, 21_000, 60_000)).toBe(40_000);
    expect(windDownLeftMs(1_000, 9_999_999, 60_000)).toBe(0);
    expect(windDownLeftMs(9_999_999, 1_000, 60_000)).toBe(60_000);
  });

  test("a finished wind-down does not come due", () => {
    const downs = new WindDowns();
    downs.start("a", 10);
    downs.start("b", 20);
    expect(downs.finish("a")).toBe(true);
    expect(downs.finish("a")).toBe(false);
    expect(downs.popDue(15)).toBeUndefined();
    expect(downs.popDue(20)).toBe("b");
    expect(downs.nextAt()).toBeUndefined();
  });
});
