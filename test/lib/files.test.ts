import fs, {
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { draftOf, fsyncFolder, makeFolder, publish, writeSecretFile } from "../../src/lib/files.ts";
import { runCommand } from "../support/command.ts";

const dir = mkdtempSync(join(tmpdir(), "rollcall-files-"));
afterAll(() => rmSync(dir, { recursive: true }));

test("makes a folder with all that lead to it, for its user alone, and again without harm", () => {
  const path = join(dir, "one", "two", "three");
  makeFolder(path, 0o700);
  makeFolder(path, 0o700);
  for (const level of [path, join(dir, "one")]) expect(statSync(level).mode & 0o777).toBe(0o700);
  writeFileSync(join(dir, "file"), "");
  expect(() => makeFolder(join(dir, "file", "below"), 0o700)).toThrow(join(dir, "file"));
});

// In processes of their own, with a limit: what is tested for would hold up the test's own process.
test.each([
  [["serve", "--port", "0", "--data-dir", "/proc/x"], 1],
  [["serve", "--port", "0", "--data-dir", "/proc/x/y"], 1],
  [["agent", "--server", "http://127.0.0.1:1", "--token-file", "none", "--state-dir", "/proc/x/y"], 20],
])("says that a folder cannot be made: %j", async (words, exitCode) => {
  const { code, stderr } = await runCommand(words, {}, ["timeout", "--signal", "KILL", "20"]);
  expect(stderr).toMatch(/no such file or directory, mkdir '\/proc\/x'/);
  expect(code).toBe(exitCode);
});

test("a draft is published under a free name, and replaces nothing", () => {
  const [file, draft] = [join(dir, "published"), draftOf(join(dir, "published"))];
  writeFileSync(draft, "first");
  publish(draft, file);
  expect([readFileSync(file, "utf8"), existsSync(draft)]).toEqual(["first", false]);
  writeFileSync(draft, "second");
  expect(() => publish(draft, file)).toThrow("EEXIST");
  expect([readFileSync(file, "utf8"), existsSync(draft)]).toEqual(["first", true]);
});

test("a secret file that is replaced keeps its mode, but for what other users may do", () => {
  const file = join(dir, "secret");
  writeSecretFile(file, "one", "new");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(() => writeSecretFile(file, "two", "new")).toThrow("EEXIST");
  linkSync(file, `${file}.before`);
  writeSecretFile(file, "two", "replace");
  expect([readFileSync(file, "utf8"), readFileSync(`${file}.before`, "utf8")]).toEqual(["two", "one"]);
  rmSync(file);
  writeFileSync(file, "", { mode: 0o444 });
  writeSecretFile(file, "three", "replace");
  expect(statSync(file).mode & 0o777).toBe(0o400);
});

test("a folder that cannot be synced is left to its file system; one that is not there is told", () => {
  fsyncFolder(dir);
  // The kernel's own folders can be opened, and not synced.
  fsyncFolder("/proc/self");
  expect(() => fsyncFolder(join(dir, "gone"))).toThrow("ENOENT");
});

test("a draft is published where a file system has no links, and a rename that fails leaves no empty file", () => {
  const { linkSync: link, renameSync: rename } = fs;
  const refuse = (code: string) => () => {
    throw Object.assign(new Error(code), { code });
  };
  const [file, draft] = [join(dir, "unlinked"), draftOf(join(dir, "unlinked"))];
  writeFileSync(draft, "first");
  try {
    fs.linkSync = refuse("EPERM");
    fs.renameSync = refuse("EIO");
    syncBuiltinESMExports();
    expect(() => publish(draft, file)).toThrow("EIO");
    expect([existsSync(file), existsSync(draft)]).toEqual([false, true]);
    fs.renameSync = rename;
    syncBuiltinESMExports();
    publish(draft, file);
    expect([readFileSync(file, "utf8"), existsSync(draft)]).toEqual(["first", false]);
    writeFileSync(draft, "second");
    expect(() => publish(draft, file)).toThrow("EEXIST");
    expect(readFileSync(file, "utf8")).toBe("first");
  } finally {
    Object.assign(fs, { linkSync: link, renameSync: rename });
    syncBuiltinESMExports();
  }
});
