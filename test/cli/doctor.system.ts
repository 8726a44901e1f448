import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCommand } from "../support/command.ts";

// What only root can bring about.

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "rollcall-doctor-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

test("a file that another user owns, as a command run by root leaves it", async () => {
  const path = join(dataDir, "rollcall.db");
  writeFileSync(path, "", { mode: 0o600 });
  chownSync(path, 12345, 0);
  const { code, stdout } = await runCommand(["doctor", "--only", "files", "--data-dir", dataDir]);
  expect(stdout).toContain(
    `${path} belongs to user 12345, its folder to user ${statSync(dataDir).uid}: chown `,
  );
  expect(code).toBe(1);
});

/** Has the kernel put something else where the data folder is, for one command alone. */
const disk = (prepare: string) =>
  runCommand(["doctor", "--only", "disk", "--data-dir", dataDir], {}, [
    ...["unshare", "--map-root-user", "--mount", "sh", "-c", `${prepare} && exec "$@"`, dataDir],
  ]);

test.each([
  ["little room", `mount -t tmpfs -o size=400m tmpfs "$0"`, 0, /^warn +disk +419 MB are free/m],
  ["next to no room", `mount -t tmpfs -o size=20m tmpfs "$0"`, 1, /^fail +disk +21 MB are free/m],
  [
    "no room at all",
    `mount -t tmpfs -o size=8k tmpfs "$0" && head -c 8192 /dev/zero >"$0/full"`,
    1,
    /^fail +disk +.* takes no write: ENOSPC/m,
  ],
  [
    "a read-only file system",
    `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"`,
    1,
    /^fail +disk +.* takes no write: EROFS/m,
  ],
])("a disk with %s", async (_, prepare, code, line) => {
  const examined = await disk(prepare);
  expect(examined.stdout).toMatch(line);
  expect(examined.code).toBe(code);
});
