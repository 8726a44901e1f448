import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { atTurnEnd } from "../../src/http/hot/exchange.ts";

test("what a turn answers is written at its end, in its order, and what that brings about in a later one", async () => {
  const written: string[] = [];
  const answering = (name: string, then?: () => void) => ({
    writeDue() {
      written.push(name);
      then?.();
    },
  });
  atTurnEnd(answering("first", () => atTurnEnd(answering("brought about"))));
  atTurnEnd(answering("second"));
  await null;
  expect(written).toEqual([]);
  await setImmediate();
  expect(written).toEqual(["first", "second"]);
  await setImmediate();
  expect(written).toEqual(["first", "second", "brought about"]);
});
