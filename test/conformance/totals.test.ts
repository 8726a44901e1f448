import { expect, test } from "vitest";
import { readTotals } from "./totals.ts";

test.each([
  ["all passed", "\nTotal cases: 12\n12 passed, 0 failed\n", 0, 12, 0],
  ["some failed", "FAILED: a/b:\n\tno\n\nTotal cases: 12\n9 passed, 3 failed\n", 1, 9, 3],
  ["nothing ran", "Total cases: 0\n0 passed, 0 failed\n", 0, 0, 1],
  ["it stopped without a report", "", 1, 0, 1],
  ["it was killed", "", null, 0, 1],
  ["it failed although every case passed", "12 passed, 0 failed\n", 1, 12, 1],
])("%s", (_what, report, exitCode, passed, failed) => {
  expect(readTotals(report, exitCode)).toEqual({ passed, failed });
});
