import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runInProcess } from "../support/command-in-process.ts";

let folder: string;
let script: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "rollcall-completion-"));
  mkdirSync(join(folder, "a folder"));
  writeFileSync(join(folder, "a file"), "");
  script = join(folder, "script");
  writeFileSync(script, (await runInProcess(["completion", "bash"])).stdout);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What bash offers for the last word, in order. */
function offered(...words: string[]): string[] {
  const ask = `
    source "$0"
    [[ $(complete -p rollcall) == "complete -F _rollcall rollcall" ]] || exit 3
    compopt() { :; } # only allowed while a person completes
    COMP_WORDS=(rollcall "$@"); COMP_CWORD=$#
    _rollcall
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const printed = execFileSync("bash", ["--norc", "-euc", ask, script, ...words], {
    cwd: folder,
    encoding: "utf8",
  });
  return printed.split("\n").filter((line) => line !== "");
}

test("offers every command and flag of the help, and no other", async () => {
  for (const words of [[], ["serve"], ["token"], ["admin", "users", "create"], ["doctor"]]) {
    const { stdout } = await runInProcess([...words, "--help"]);
    // A command or flag begins its line; what follows a comma is another spelling, without its value.
    const told = [
      ...stdout.matchAll(/^ {2}(-\w)(?=,)|^ {2}(?:-\w, )?(--[a-z-]+)|^ {2}([a-z-]+)(?=[ [].* {2})/gm),
    ];
    const names = told.flatMap(([, short, long, command]) => [short, long, command].filter((name) => name));
    const all = offered(...words, "");
    expect(all).toEqual(expect.arrayContaining(names));
    const flags = all.filter((word) => word.startsWith("--"));
    for (const flag of flags) expect(stdout).toContain(flag);
  }
});

test("goes on from the letters that are there, and past flags with values", () => {
  expect(offered("tok")).toEqual(["token"]);
  expect(offered("serve", "--rate")).toEqual([
    "--rate-limit-token",
    "--rate-limit-address",
    "--rate-limit-burst",
  ]);
  expect(offered("token", "--data-dir", "serve", "li")).toEqual(["list"]);
  expect(offered("weather", "--")).toEqual(offered("--"));
});

test("offers the values that a flag takes", () => {
  expect(offered("serve", "--reflection", "")).toEqual(["on", "off"]);
  expect(offered("token", "list", "--output", "t")).toEqual(["table"]);
  expect(offered("serve", "--port", "")).toEqual([]);
  expect(offered("completion", "")).toEqual(["bash", "zsh", "fish"]);
});

test("offers files and folders, blanks in their names and all", () => {
  expect(offered("check", "--file", "a ")).toEqual(expect.arrayContaining(["a file", "a folder"]));
  expect(offered("serve", "--data-dir", "a ")).toEqual(["a folder"]);
  expect(offered("restore", "a f").sort()).toEqual(["a file", "a folder"]);
  expect(offered("restore", "--d")).toEqual(["--data-dir"]);
});

test("knows three shells", async () => {
  expect(await runInProcess(["completion", "tcsh"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("bash, zsh, fish"),
  });
});
