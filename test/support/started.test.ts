import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { endOf, startProcess } from "./command.ts";
import { portRefuses } from "./leftovers.ts";

test("a run whose test fails at once ends, and leaves no process, no port and no folder behind", async () => {
  const notes = join(mkdtempSync(join(tmpdir(), "notes-")), "notes.json");
  const vitest = ["node_modules/vitest/vitest.mjs", "run", "--project", "leaves-behind"];
  const { code, stdout } = await endOf(
    startProcess(process.execPath, vitest, { LEFT_BEHIND_NOTES: notes, NO_COLOR: "1" }),
  );
  expect(stdout).toContain("1 failed | 1 passed (2)");
  expect(code).toBe(1);
  const left = JSON.parse(readFileSync(notes, "utf8"));
  for (const pid of [left.sleeper, left.server, left.agent]) {
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  }
  await portRefuses(left.url);
  expect(existsSync(left.folder)).toBe(false);
});
