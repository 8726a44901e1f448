import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { Principal } from "../../src/domain/access/principal.ts";
import { decodeWatchCursor, encodeWatchCursor } from "../../src/domain/events/cursor.ts";
import { secretBox } from "../../src/domain/tokens/seal.ts";
import { newId } from "../support/records.ts";

const box = secretBox(randomBytes(32));
const viewer = {
  id: newId(),
  principal: Principal.USER,
  organizationId: newId(),
  admin: false,
  member: true,
  runnersAdmin: false,
  groupsAdmin: false,
  auditReader: false,
  groupIds: [],
};
const cursor = { sequence: 7, selection: "all", viewer };
const decode = (text: string, received: number) => decodeWatchCursor(text, box, viewer, "all", received);

describe("a watch cursor", () => {
  test("leads back to where the watch began", () => {
    const text = encodeWatchCursor(cursor, box) ?? "";
    expect(decode(text, 0)).toMatchObject(cursor);
    expect(decode(text, 5)).toMatchObject(cursor);
  });

  test("of a version with other rules still names a place, but does not tell which events came after it", () => {
    const old = Buffer.from(box.seal(Buffer.from(JSON.stringify(cursor)))).toString("base64url");
    expect(decode(old, 0)).toMatchObject(cursor);
    expect(() => decode(old, 1)).toThrow(expect.objectContaining({ kind: "aborted", reason: "EVENTS_LOST" }));
  });
});
