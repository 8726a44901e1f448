import { expect, test } from "vitest";
import { closest } from "../../src/lib/closest.ts";

const known = ["port", "host", "max-runners", "log-level"];

test.each([
  ["prot", "port"],
  ["hosts", "host"],
  ["max-runer", "max-runners"],
  ["loglevel", "log-level"],
  ["x", null],
  ["frobnicate", null],
  ["", null],
  ["p".repeat(1_000_000), null],
])("%#: a slip or two is understood, more is another name", (name, meant) => {
  expect(closest(name, known)).toBe(meant);
});
