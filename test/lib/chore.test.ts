import { execFileSync } from "node:child_process";
import { afterEach, expect, test } from "vitest";
import { Chore } from "../../src/lib/chore.ts";
import { testClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function fixture(everyMs: number, work: () => Promise<void>) {
  const clock = testClock();
  const errors: unknown[] = [];
  const chore = new Chore(everyMs, clock, work, (error) => errors.push(error));
  stops.push(() => chore.stop());
  return { clock, errors, chore };
}

test("is due by the clock, never twice at once", async () => {
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  let started = 0;
  const { clock, chore } = fixture(1000, () => {
    started += 1;
    return done;
  });
  stops.unshift(async () => finish());
  clock.advance(999);
  chore.startIfDue();
  expect(started).toBe(0);
  clock.advance(1);
  chore.startIfDue();
  clock.advance(1000);
  chore.startIfDue();
  chore.start();
  expect(started).toBe(1);
  finish();
  await chore.stop();
  chore.startIfDue();
  expect(started).toBe(2);
});

test("its own timer goes on after an error, which is told, and ends with stop(), which waits for the work", async () => {
  let started = 0;
  let ended = 0;
  const { errors, chore } = fixture(1, async () => {
    started += 1;
    if (started === 1) throw new Error("disk full");
    await new Promise(setImmediate);
    ended += 1;
  });
  await chore.run();
  await eventually(() => expect(ended).toBeGreaterThan(1));
  expect(errors).toEqual([new Error("disk full")]);
  await chore.stop();
  expect(ended).toBe(started - 1);
});

test("its timer does not keep the process alive", () => {
  const program = `
    const { Chore } = await import(${JSON.stringify(new URL("../../src/lib/chore.ts", import.meta.url).href)});
    await new Chore(2 ** 30, { monotonic: () => 0 }, async () => {}, () => {}).run();
    console.log("done");`;
  const words = ["--input-type=module", "--eval", program];
  expect(execFileSync(process.execPath, words, { encoding: "utf8", timeout: 300_000 })).toBe("done\n");
});
