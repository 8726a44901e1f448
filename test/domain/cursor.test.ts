import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DomainError } from "../../src/domain/errors.ts";
import { decodePage, encodeCursor } from "../../src/domain/paging/cursor.ts";

const anyId = fc.uuid();
const anyFilter = fc.string();

function refused(token: string, filter: string): void {
  try {
    decodePage(10, token, filter);
  } catch (error) {
    expect(error).toBeInstanceOf(DomainError);
    expect(error).toMatchObject({ kind: "invalid", violations: [{ field: "pagination.token" }] });
    return;
  }
  throw new Error(`the token ${JSON.stringify(token)} was taken`);
}

describe("a page token", () => {
  test("leads back to its id under its filter, and travels in a URL", () => {
    fc.assert(
      fc.property(anyId, anyFilter, fc.integer({ min: 1, max: 100 }), (id, filter, limit) => {
        const token = encodeCursor(id, filter);
        expect(token).toMatch(/^[\w-]+$/);
        expect(decodePage(limit, token, filter)).toEqual({ limit, after: id });
      }),
    );
  });

  test("is refused under another filter", () => {
    fc.assert(
      fc.property(anyId, anyFilter, anyFilter, (id, filter, other) => {
        fc.pre(filter !== other);
        refused(encodeCursor(id, filter), other);
      }),
    );
  });

  test("is refused with any one byte changed, taken away or added", () => {
    const token = Buffer.from(encodeCursor("01a20a9d-23a1-7000-92ac-9b0795ef3a2a", "f"), "base64url");
    for (let at = 0; at < token.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const damaged = Buffer.from(token);
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        refused(damaged.toString("base64url"), "f");
      }
      refused(token.subarray(0, at).toString("base64url") || "-", "f");
    }
    refused(Buffer.concat([token, Buffer.of(0)]).toString("base64url"), "f");
  });

  test("is refused in any other spelling of the same bytes", () => {
    const token = encodeCursor("01a20a9d-23a1-7000-92ac-9b0795ef3a2a", "f");
    for (const spelling of [
      `${token}=`,
      ` ${token}`,
      `${token}\n`,
      `${token.slice(0, 5)}!${token.slice(5)}`,
    ]) {
      refused(spelling, "f");
    }
  });

  test("is refused when it is anything else", () => {
    fc.assert(fc.property(fc.string({ minLength: 1, unit: "binary" }), (text) => refused(text, "f")));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 25, maxLength: 25 }), (bytes) => {
        refused(Buffer.from(bytes).toString("base64url"), "f");
      }),
    );
  });
});

test("without a token the list starts, 25 to a page unless the caller says otherwise", () => {
  expect(decodePage(0, "", "f")).toEqual({ limit: 25, after: null });
  expect(decodePage(100, "", "f")).toEqual({ limit: 100, after: null });
});
