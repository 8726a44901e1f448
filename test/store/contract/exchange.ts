import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { Principal } from "../../../src/domain/access/principal.ts";
import type { Runner } from "../../../src/domain/runners/runner.ts";
import {
  allowed,
  creating,
  exchangeTokenOf,
  newId,
  nowhere,
  runnerOf,
  someTime,
} from "../../support/records.ts";
import { type OpenStore, type Setting, setting } from "./setting.ts";

const minute = 60_000;
const key = (text: string) => createHash("sha256").update(text).digest();

export function exchangeContract(open: OpenStore): void {
  interface Exchanging extends Setting {
    readonly runner: Runner;
    readonly hash: Uint8Array;
    /** Resolves to the hash of the access token given out, or the reason of the refusal. */
    exchange(idempotencyHash?: Uint8Array | null, now?: number): Promise<Uint8Array | string>;
    /** Whether the access token works, or why not. */
    state(accessHash: Uint8Array | string): Promise<string>;
  }

  async function exchanging(): Promise<Exchanging> {
    const at = await setting(open);
    const { runners, tokens } = at.store;
    const runner = runnerOf(at.org);
    const { hash } = exchangeTokenOf();
    await runners.create(creating(runner), runner, exchangeTokenOf({ hash }));
    return {
      ...at,
      runner,
      hash,
      async exchange(idempotencyHash = null, now = someTime) {
        const access = { id: newId(), hash: randomBytes(32) };
        try {
          const exchanged = await tokens.exchange({
            hash,
            idempotencyHash,
            access,
            certificateName: null,
            from: nowhere,
            now,
          });
          expect(exchanged).toMatchObject({ runnerId: runner.id, organizationId: at.org });
          return access.hash;
        } catch (error) {
          expect(await tokens.findAccessToken(access.hash)).toBeNull();
          expect(error).toMatchObject({ kind: "unauthenticated" });
          return (error as { reason: string }).reason;
        }
      },
      async state(accessHash) {
        if (typeof accessHash === "string") return accessHash;
        const token = await tokens.findAccessToken(accessHash);
        return token === null ? "unknown" : (token.revokedFor ?? "live");
      },
    };
  }

  test("an exchange gives out a token that is the runner and nobody else", async () => {
    await using at = await exchanging();
    const access = await at.exchange();
    expect(await at.store.tokens.findAccessToken(access as Uint8Array)).toMatchObject({
      subjectId: at.runner.id,
      organizationId: at.org,
      principal: Principal.RUNNER,
      readOnly: false,
      createdAt: someTime,
      expiresAt: null,
      revokedAt: null,
    });
  });

  test("an unknown token is refused", async () => {
    await using at = await exchanging();
    const access = { id: newId(), hash: randomBytes(32) };
    const claim = {
      hash: randomBytes(32),
      idempotencyHash: null,
      access,
      certificateName: null,
      from: nowhere,
      now: someTime,
    };
    await expect(at.store.tokens.exchange(claim)).rejects.toMatchObject({
      kind: "unauthenticated",
      reason: "EXCHANGE_TOKEN_UNKNOWN",
    });
  });

  test("a token works until the millisecond in which it expires, and never again after", async () => {
    await using at = await exchanging();
    const day = 24 * 60 * minute;
    expect(await at.exchange(null, someTime + day)).toBe("EXCHANGE_TOKEN_EXPIRED");
    expect(await at.state(await at.exchange(null, someTime + day - 1))).toBe("live");
  });

  test("of a hundred exchanges at once exactly one succeeds", async () => {
    await using at = await exchanging();
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => at.exchange()));
    expect(outcomes.filter((outcome) => outcome === "EXCHANGE_TOKEN_USED")).toHaveLength(99);
  });

  test("the same key within ten minutes of the use gives a fresh token and ends the lost one", async () => {
    await using at = await exchanging();
    const lost = await at.exchange(key("k"));
    const second = await at.exchange(key("k"), someTime + 5 * minute);
    const third = await at.exchange(key("k"), someTime + 10 * minute);
    expect(await at.state(lost)).toBe("TOKEN_REVOKED");
    expect(await at.state(second)).toBe("TOKEN_REVOKED");
    expect(await at.state(third)).toBe("live");
    // Ten minutes from the first use, not from the last answer.
    expect(await at.exchange(key("k"), someTime + 10 * minute + 1)).toBe("EXCHANGE_TOKEN_USED");
    expect(await at.state(third)).toBe("live");
  });

  test.each([
    ["without a key", null],
    ["with another key", key("other")],
  ])("a second exchange %s is refused, and the first token lives on", async (_, other) => {
    await using at = await exchanging();
    const access = await at.exchange(key("k"));
    expect(await at.exchange(other, someTime + 1)).toBe("EXCHANGE_TOKEN_USED");
    expect(await at.state(access)).toBe("live");
  });

  test("a use without a key cannot be repeated with one", async () => {
    await using at = await exchanging();
    await at.exchange(null);
    expect(await at.exchange(key("k"), someTime + 1)).toBe("EXCHANGE_TOKEN_USED");
  });

  test("an access token keeps the name of the certificate that it was exchanged with", async () => {
    await using at = await exchanging();
    const access = { id: newId(), hash: randomBytes(32) };
    const claim = { hash: at.hash, idempotencyHash: null, access, from: nowhere, now: someTime };
    await at.store.tokens.exchange({ ...claim, certificateName: key("runner-1") });
    expect((await at.store.tokens.findAccessToken(access.hash))?.certificateName).toEqual(key("runner-1"));
  });

  test("tokens of a runner are valid beside each other", async () => {
    await using at = await exchanging();
    const more = exchangeTokenOf();
    expect(await at.store.tokens.addExchangeToken(allowed(at.runner), more)).toBe(true);
    const access = { id: newId(), hash: randomBytes(32) };
    await at.store.tokens.exchange({
      hash: more.hash,
      idempotencyHash: null,
      access,
      certificateName: null,
      from: nowhere,
      now: someTime,
    });
    expect(await at.state(await at.exchange())).toBe("live");
    expect(await at.state(access.hash)).toBe("live");
  });
}
