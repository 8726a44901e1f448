import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { secretBox } from "../../src/domain/tokens/seal.ts";

const key = randomBytes(32);
const box = secretBox(key);

describe("a sealed secret", () => {
  test("opens to what was sealed, and shows nothing of it", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8 }), (plaintext) => {
        const sealed = box.seal(plaintext);
        expect(Buffer.from(box.open(sealed))).toEqual(Buffer.from(plaintext));
        expect(Buffer.from(sealed).includes(plaintext)).toBe(false);
      }),
    );
    expect(box.open(box.seal(new Uint8Array()))).toHaveLength(0);
  });

  test("is another box every time", () => {
    const boxes = Array.from({ length: 100 }, () =>
      Buffer.from(box.seal(Buffer.from("same"))).toString("hex"),
    );
    expect(new Set(boxes).size).toBe(100);
  });

  test("does not open under another key", () => {
    expect(() => secretBox(randomBytes(32)).open(box.seal(Buffer.from("secret")))).toThrow();
  });

  test("opens for the context that it was made for alone, and without one for none", () => {
    const contexts = ["", "a token", "a token's refresh", "a"];
    for (const [at, context] of contexts.entries()) {
      const sealed = box.seal(Buffer.from("secret"), context);
      expect(Buffer.from(box.open(sealed, context)).toString()).toBe("secret");
      for (const other of contexts.filter((_, index) => index !== at)) {
        expect(() => box.open(sealed, other)).toThrow();
      }
    }
    // As values lie that were made before there were contexts.
    expect(Buffer.from(box.open(box.seal(Buffer.from("secret")), "")).toString()).toBe("secret");
  });

  test("does not open with any byte changed, or cut short anywhere", () => {
    const sealed = Buffer.from(box.seal(Buffer.from("secret")));
    for (let at = 0; at < sealed.length; at++) {
      const damaged = Buffer.from(sealed);
      damaged[at] = (damaged[at] ?? 0) ^ 0x01;
      expect(() => box.open(damaged)).toThrow();
      expect(() => box.open(sealed.subarray(0, at))).toThrow();
    }
    expect(() => box.open(Buffer.concat([sealed, Buffer.of(0)]))).toThrow();
  });
});

describe("a digest", () => {
  const data = Buffer.from("a request with a password");

  test("is the same for the same data, and another for other data", () => {
    expect(box.digest("use", data)).toEqual(secretBox(key).digest("use", data));
    expect(box.digest("use", data)).toHaveLength(32);
    expect(box.digest("use", Buffer.from("another"))).not.toEqual(box.digest("use", data));
  });

  test("cannot be worked out without the key, nor be used for another purpose", () => {
    expect(secretBox(randomBytes(32)).digest("use", data)).not.toEqual(box.digest("use", data));
    expect(box.digest("other use", data)).not.toEqual(box.digest("use", data));
  });
});
