import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { endOf, startProcess } from "./command.ts";
import { portRefuses } from "./leftovers.ts";

test("a run whose test fails at once ends, and leaves no process, no port and no folder behind", async () => {
  const notes = join(mkdtempSync(join(tmpdir(), "notes-")), "notes.json");
  const jest = [
    ...[
      "--experimental-vm-modules",
      "--disable-warning=ExperimentalWarning",
      "node_modules/jest/bin/jest.js",
    ],
    ...["--testMatch", "<rootDir>/test/support/fixtures/leaves-behind.ts", "--runInBand"],
  ];
  const { code, stderr } = await endOf(startProcess(process.execPath, jest, { LEFT_BEHIND_NOTES: notes }));
  expect(stderr).toContain("1 failed, 1 passed, 2 total");
  // The timer that was left is nothing that can be ended; it does not keep the run from ending.
  expect(stderr).toContain("still open after the tests: ");
  expect(code).toBe(1);
  const left = JSON.parse(readFileSync(notes, "utf8"));
  for (const pid of [left.sleeper, left.server, left.agent]) {
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  }
  await portRefuses(left.url);
  expect(existsSync(left.folder)).toBe(false);
});
