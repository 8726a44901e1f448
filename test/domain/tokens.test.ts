import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Principal } from "../../src/domain/access/principal.ts";
import { type PresentedToken, usableToken } from "../../src/domain/tokens/access-token.ts";
import { decideExchange, type ExchangeToken } from "../../src/domain/tokens/exchange.ts";
import {
  hashToken,
  mintToken,
  type TokenKind,
  tokenKind,
  tokenPrefixes,
} from "../../src/domain/tokens/token.ts";

const kinds = Object.keys(tokenPrefixes) as TokenKind[];
const reasonOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    expect(error).toMatchObject({ kind: "unauthenticated" });
    return (error as { reason: string }).reason;
  }
  return "ok";
};

describe("a minted token", () => {
  test.each(kinds)("of kind %s has its prefix, 256 random bits and a checksum", (kind) => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bits) => {
        const { secret, hash } = mintToken(kind, () => bits);
        expect(secret).toMatch(new RegExp(`^${tokenPrefixes[kind]}_[0-9A-Za-z]{49}$`));
        expect(tokenKind(secret)).toBe(kind);
        expect(hash).toEqual(hashToken(secret));
        expect(hash).toHaveLength(32);
      }),
    );
  });

  test("keeps all 256 bits: neighbours in value are other tokens", () => {
    const low = Buffer.alloc(32);
    const tokens = [
      low,
      Buffer.from(low).fill(1, 31),
      Buffer.from(low).fill(128, 0, 1),
      Buffer.alloc(32, 255),
    ];
    const secrets = tokens.map((bits) => mintToken("personal", () => bits).secret);
    expect(new Set(secrets).size).toBe(4);
  });

  test("is another one every time", () => {
    const secrets = Array.from({ length: 1000 }, () => mintToken("exchange").secret);
    expect(new Set(secrets).size).toBe(1000);
  });

  test("is no token any more with one character changed, lost or added", () => {
    const { secret } = mintToken("runner", () => randomBytes(32));
    for (let at = 0; at < secret.length; at++) {
      const other = secret[at] === "7" ? "8" : "7";
      expect(tokenKind(secret.slice(0, at) + other + secret.slice(at + 1))).toBeNull();
      expect(tokenKind(secret.slice(0, at) + secret.slice(at + 1))).toBeNull();
    }
    expect(tokenKind(`${secret}0`)).toBeNull();
  });

  test("is not any other text", () => {
    fc.assert(fc.property(fc.string(), (text) => void expect(tokenKind(text)).toBeNull()));
    for (const prefix of Object.values(tokenPrefixes)) expect(tokenKind(`${prefix}_`)).toBeNull();
  });
});

describe("an access token", () => {
  const stored: PresentedToken = {
    certificateName: null,
    holder: { kind: "runner" },
    id: "t",
    organizationId: "o",
    subjectId: "s",
    principal: Principal.RUNNER,
    description: "",
    readOnly: false,
    createdAt: 0,
    expiresAt: null,
    lastUsedAt: null,
    revokedAt: null,
    revokedFor: null,
  };
  const instant = fc.integer({ min: 0, max: 1000 });

  test("works exactly while it is neither revoked nor past its time, and the reason says what it is", () => {
    const life = fc.record({
      expiresAt: fc.option(instant),
      revoked: fc.option(fc.constantFrom("TOKEN_REVOKED" as const, "RUNNER_DELETED" as const)),
      now: instant,
    });
    fc.assert(
      fc.property(life, ({ expiresAt, revoked, now }) => {
        const token = { ...stored, expiresAt, revokedAt: revoked && 1, revokedFor: revoked };
        const expired = expiresAt !== null && now >= expiresAt;
        expect(reasonOf(() => usableToken(token, now))).toBe(revoked ?? (expired ? "TOKEN_EXPIRED" : "ok"));
      }),
    );
    expect(usableToken(stored, 5)).toBe(stored);
    expect(reasonOf(() => usableToken(null, 5))).toBe("TOKEN_UNKNOWN");
  });
});

describe("an exchange token", () => {
  const fresh: ExchangeToken = {
    organizationId: "o",
    runnerId: "r",
    createdAt: 0,
    expiresAt: 1000,
    usedAt: null,
    idempotencyHash: null,
    accessTokenId: null,
  };
  const minutes = 60_000;

  test("is decided by use, key, certificate and time alone", () => {
    const key = fc.option(fc.constantFrom("a", "b"));
    const certificate = fc.option(fc.constantFrom("runner-1", "runner-2"));
    const life = fc.record({
      usedAt: fc.option(fc.integer({ min: 0, max: 999 })),
      usedWith: key,
      comesWith: key,
      gaveOutTo: certificate,
      shows: certificate,
      later: fc.integer({ min: 0, max: 20 * minutes }),
    });
    const hash = (text: string | null) => (text === null ? null : hashToken(text));
    fc.assert(
      fc.property(life, ({ usedAt, usedWith, comesWith, gaveOutTo, shows, later }) => {
        const now = (usedAt ?? 0) + later;
        const used = { ...fresh, usedAt, idempotencyHash: hash(usedWith), accessTokenId: "lost" };
        const stored = usedAt === null ? fresh : used;
        const replays = usedWith !== null && usedWith === comesWith && later <= 10 * minutes;
        const ofOther = shows === null ? "CLIENT_CERTIFICATE_REQUIRED" : "CLIENT_CERTIFICATE_MISMATCH";
        const replay = !replays ? "EXCHANGE_TOKEN_USED" : gaveOutTo === shows ? "ok" : ofOther;
        const first = now < 1000 ? "ok" : "EXCHANGE_TOKEN_EXPIRED";
        const expected = usedAt === null ? first : replay;
        const given = usedAt === null ? null : { ended: false, certificateName: hash(gaveOutTo) };
        const claim = { idempotencyHash: hash(comesWith), certificateName: hash(shows) };
        expect(reasonOf(() => decideExchange(stored, claim, now, given))).toBe(expected);
        if (expected === "ok") {
          const { replaces } = decideExchange(stored, claim, now, given);
          expect(replaces).toBe(usedAt === null ? null : "lost");
        }
      }),
      { numRuns: 500 },
    );
    expect(
      reasonOf(() => decideExchange(null, { idempotencyHash: null, certificateName: null }, 0, null)),
    ).toBe("EXCHANGE_TOKEN_UNKNOWN");
  });
});
