import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { IdempotentCall } from "../../../src/store/store.ts";
import { creating, exchangeTokenOf, newId, register, runnerOf, someTime } from "../../support/records.ts";
import { domainError, type OpenStore, type Setting, setting } from "./setting.ts";

const hash = (text: string) => createHash("sha256").update(text).digest();
const day = 24 * 3600 * 1000;

export function idempotencyContract(open: OpenStore): void {
  const callOf = (at: Setting, changes: Partial<IdempotentCall> = {}): IdempotentCall => ({
    callerId: at.adminId,
    method: "Create",
    keyHash: hash("key"),
    requestHash: hash("request"),
    answer: Buffer.from("first answer"),
    expiresAt: someTime + day,
    ...changes,
  });
  /** Creates a runner under the call; resolves to the replayed answer and whether the runner was made. */
  async function create(at: Setting, call: IdempotentCall, now = someTime) {
    const runner = runnerOf(at.org, {}, { createdAt: now });
    const { replay } = await at.store.runners.create(creating(runner), runner, exchangeTokenOf(), call);
    const made = (await at.store.runners.get(at.org, runner.id)) !== null;
    return { answer: replay && Buffer.from(replay).toString(), made };
  }
  const first = { answer: null, made: true };
  const replayed = { answer: "first answer", made: false };

  test("a repeated call makes nothing and finds the first answer", async () => {
    await using at = await setting(open);
    expect(await create(at, callOf(at))).toEqual(first);
    expect(await create(at, callOf(at, { answer: Buffer.from("second") }))).toEqual(replayed);
    expect(await create(at, callOf(at), someTime + day - 1)).toEqual(replayed);
  });

  test("twins that arrive together make one runner", async () => {
    await using at = await setting(open);
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => create(at, callOf(at))));
    expect(outcomes.filter(({ made }) => made)).toEqual([first]);
    expect(outcomes.filter(({ answer }) => answer === "first answer")).toHaveLength(9);
  });

  test("another key, method or caller is another call", async () => {
    await using at = await setting(open);
    await create(at, callOf(at));
    expect(await create(at, callOf(at, { keyHash: hash("other key") }))).toEqual(first);
    expect(await create(at, callOf(at, { method: "Other" }))).toEqual(first);
    expect(await create(at, callOf(at, { callerId: newId() }))).toEqual(first);
  });

  test("a key that comes with another request is refused", async () => {
    await using at = await setting(open);
    await create(at, callOf(at));
    const reused = await domainError(create(at, callOf(at, { requestHash: hash("other") })));
    expect(reused).toMatchObject({ kind: "invalid", reason: "IDEMPOTENCY_KEY_REUSED" });
    expect(await create(at, callOf(at))).toEqual(replayed);
  });

  test("an expired answer is forgotten", async () => {
    await using at = await setting(open);
    await create(at, callOf(at));
    const late = someTime + day + 1;
    const other = callOf(at, { requestHash: hash("other"), expiresAt: late + day });
    expect(await create(at, other, late)).toEqual(first);
  });

  test("a call that fails keeps no answer", async () => {
    await using at = await setting(open);
    const token = exchangeTokenOf();
    await register(at.store.runners, runnerOf(at.org), token);
    await expect(register(at.store.runners, runnerOf(at.org), token, callOf(at))).rejects.toThrow();
    expect(await create(at, callOf(at))).toEqual(first);
  });
}
