import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  clockSkewMs,
  isPublished,
  keySetCacheMs,
  keyState,
  longestTokenMs,
  publishedAheadMs,
  rotationDue,
  type SigningKey,
  signingKeyAt,
} from "../../../src/domain/keys/signing-key.ts";

const dayMs = 24 * 60 * 60 * 1000;
const start = Date.UTC(2026, 0, 15);

function keyOf(id: string, activeFrom: number, retiredAt: number | null = null): SigningKey {
  const sealedPrivateKey = new Uint8Array();
  return { id, publicJwk: {}, sealedPrivateKey, createdAt: activeFrom, activeFrom, retiredAt };
}

/** Keys as the schedule makes them when it is looked at at these times. */
function keysOver(looks: readonly number[], everyMs: number): { keys: SigningKey[]; madeAt: number[] } {
  const keys = [keyOf("0", start)];
  const madeAt = [start];
  for (const now of looks) {
    if (!rotationDue(keys, everyMs, now)) continue;
    const activeFrom = now + publishedAheadMs;
    const last = keys.at(-1);
    if (last) keys[keys.length - 1] = { ...last, retiredAt: activeFrom };
    keys.push(keyOf(String(keys.length), activeFrom));
    madeAt.push(now);
  }
  return { keys, madeAt };
}

describe("the schedule of signing keys", () => {
  test("always has exactly one key that signs, known to verifiers before, published for as long as it matters", () => {
    const steps = fc.array(fc.integer({ min: 1, max: 20 * dayMs }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 60 }), (gaps, days) => {
        let now = start;
        const looks = gaps.map((gap) => (now += gap));
        const { keys, madeAt } = keysOver(looks, days * dayMs);
        for (const at of looks.flatMap((look) => [look, look + publishedAheadMs])) {
          const signing = signingKeyAt(keys, at);
          expect(keys.filter((key) => keyState(key, at) === "active")).toEqual([signing]);
          expect(isPublished(signing as SigningKey, at + longestTokenMs + clockSkewMs - 1)).toBe(true);
        }
        keys.forEach((key, made) => {
          if (made > 0) expect(key.activeFrom - (madeAt[made] ?? 0)).toBeGreaterThanOrEqual(keySetCacheMs);
        });
      }),
    );
  });

  test("makes the next key in time for the present one to sign as long as was set, and only one", () => {
    const keys = [keyOf("0", start)];
    const due = start + 30 * dayMs - publishedAheadMs;
    expect(rotationDue(keys, 30 * dayMs, due - 1)).toBe(false);
    expect(rotationDue(keys, 30 * dayMs, due)).toBe(true);
    const both = [keyOf("0", start, start + 30 * dayMs), keyOf("1", start + 30 * dayMs)];
    expect(rotationDue(both, 30 * dayMs, due + 1)).toBe(false);
    expect(rotationDue([], 30 * dayMs, due)).toBe(false);
  });

  test("signs with the key that verifiers have known longest when the clock was set back", () => {
    const keys = [keyOf("1", start + dayMs), keyOf("0", start, start + dayMs)];
    expect(signingKeyAt(keys, start - dayMs)?.id).toBe("0");
    expect(signingKeyAt([], start)).toBeUndefined();
  });
});
