import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { Principal } from "../../../src/domain/access/principal.ts";
import type { NewAccessToken } from "../../../src/store/store.ts";
import {
  byUser,
  creating,
  exchangeTokenOf,
  newId,
  nowhere,
  runnerOf,
  someTime,
} from "../../support/records.ts";
import { type OpenStore, type Setting, setting } from "./setting.ts";

export function tokenContract(open: OpenStore): void {
  const tokenOf = (at: Setting, changes: Partial<NewAccessToken> = {}): NewAccessToken => ({
    id: newId(),
    organizationId: at.org,
    hash: randomBytes(32),
    subjectId: at.adminId,
    principal: Principal.USER,
    description: "ci",
    readOnly: false,
    by: byUser(at.adminId, at.org),
    createdAt: someTime,
    expiresAt: null,
    ...changes,
  });

  test("a token comes back by its hash, without the hash", async () => {
    await using at = await setting(open);
    const { tokens } = at.store;
    const token = tokenOf(at, { readOnly: true, expiresAt: someTime + 5, description: "läuft ab" });
    await tokens.addAccessToken(token);
    const { hash, by: _, ...rest } = token;
    const stored = { ...rest, lastUsedAt: null, revokedAt: null, revokedFor: null };
    expect(await tokens.findAccessToken(hash)).toMatchObject(stored);
    expect(await tokens.findAccessToken(randomBytes(32))).toBeNull();
  });

  test("two tokens cannot share a secret", async () => {
    await using at = await setting(open);
    const token = tokenOf(at);
    await at.store.tokens.addAccessToken(token);
    await expect(at.store.tokens.addAccessToken({ ...token, id: newId() })).rejects.toThrow();
  });

  test("a list has the organisation's people, newest first, revoked ones too, and no runners", async () => {
    await using at = await setting(open);
    const { tokens, runners } = at.store;
    const runner = runnerOf(at.org);
    const exchangeToken = exchangeTokenOf();
    await runners.create(creating(runner), runner, exchangeToken);
    const [older, newer] = [tokenOf(at), tokenOf(at, { principal: Principal.SERVICE_ACCOUNT })];
    await tokens.addAccessToken(older);
    await tokens.addAccessToken(newer);
    const access = { id: newId(), hash: randomBytes(32) };
    await tokens.exchange({
      hash: exchangeToken.hash,
      idempotencyHash: null,
      access,
      certificateName: null,
      from: nowhere,
      now: someTime,
    });
    await tokens.revokeAccessToken(byUser(newId(), at.org), older.id, someTime + 1);
    const listed = await tokens.listAccessTokens(at.org);
    expect(listed.map(({ id }) => id).slice(0, 2)).toEqual([newer.id, older.id]);
    expect(listed.map(({ id }) => id)).not.toContain(access.id);
    expect(listed[1]).toMatchObject({ revokedAt: someTime + 1, revokedFor: "TOKEN_REVOKED" });
    const foreign = await tokens.listAccessTokens(at.otherOrg);
    expect(foreign.filter(({ organizationId }) => organizationId !== at.otherOrg)).toEqual([]);
    const own = await tokens.listAccessTokens(at.org, runner.id);
    expect(own.map(({ id }) => id)).toEqual([access.id]);
  });

  test("revoking works once, and in its organisation only", async () => {
    await using at = await setting(open);
    const { tokens } = at.store;
    const token = tokenOf(at);
    await tokens.addAccessToken(token);
    expect(await tokens.revokeAccessToken(byUser(newId(), at.otherOrg), token.id, someTime)).toBe(false);
    expect((await tokens.findAccessToken(token.hash))?.revokedAt).toBeNull();
    expect(await tokens.revokeAccessToken(byUser(newId(), at.org), token.id, someTime)).toBe(true);
    expect(await tokens.revokeAccessToken(byUser(newId(), at.org), token.id, someTime + 1)).toBe(false);
    expect(await tokens.revokeAccessToken(byUser(newId(), at.org), newId(), someTime)).toBe(false);
    expect((await tokens.findAccessToken(token.hash))?.revokedAt).toBe(someTime);
  });

  test("a runner whose tokens were revoked is found, and whether one is left to it", async () => {
    await using at = await setting(open);
    const { tokens } = at.store;
    const [cut, kept] = [newId(), newId()];
    const runnerToken = (subjectId: string) => tokenOf(at, { subjectId, principal: Principal.RUNNER });
    const all = [runnerToken(cut), runnerToken(kept), runnerToken(kept)];
    for (const token of all) await tokens.addAccessToken(token);
    for (const token of all.slice(0, 2))
      await tokens.revokeAccessToken(byUser(newId(), at.org), token.id, someTime);
    const found = [...(await tokens.runnersRevokedSince(someTime))];
    expect(found.sort((a, b) => (a.runnerId < b.runnerId ? -1 : 1))).toEqual([
      { runnerId: cut, cutOff: true },
      { runnerId: kept, cutOff: false },
    ]);
    expect(await tokens.runnersRevokedSince(someTime + 1)).toEqual([]);
  });
}
