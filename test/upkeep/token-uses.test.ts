import { expect, test } from "vitest";
import type { CredentialStore } from "../../src/store/credential-store.ts";
import { TokenUses } from "../../src/upkeep/token-uses.ts";
import { testClock } from "../support/clock.ts";
import { capturedLog } from "../support/log.ts";

type Uses = Parameters<CredentialStore["saveLastUsed"]>[0];

function fixture(save: (uses: Uses) => Promise<void>) {
  const clock = testClock();
  const log = capturedLog();
  const credentials = { saveLastUsed: save } as CredentialStore;
  return { clock, log, uses: new TokenUses({ credentials, clock, log: log.log }) };
}

test("many uses of a token are one write, with the time of the last", async () => {
  const saved: Uses[] = [];
  const { clock, uses } = fixture(async (batch) => void saved.push(batch));
  for (let i = 0; i < 1000; i++) {
    clock.advance(1);
    uses.note("a");
  }
  uses.note("b");
  await uses.save();
  await uses.save();
  expect(saved).toEqual([
    [
      { tokenId: "a", atMs: clock.now() },
      { tokenId: "b", atMs: clock.now() },
    ],
  ]);
});

test("what could not be written is kept, and never hides a later use", async () => {
  const saved: Uses[] = [];
  let full = true;
  const { clock, log, uses } = fixture(async (batch) => {
    if (full) throw new Error("disk full");
    saved.push(batch);
  });
  uses.note("a");
  uses.note("b");
  const first = clock.now();
  const failing = uses.save();
  clock.advance(1);
  uses.note("a");
  await failing;
  expect(log.lines()).toMatchObject([{ msg: "the last uses of tokens could not be written" }]);
  full = false;
  await uses.stop();
  expect(saved).toEqual([
    [
      { tokenId: "a", atMs: first + 1 },
      { tokenId: "b", atMs: first },
    ],
  ]);
});
