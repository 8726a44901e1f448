import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runInProcess } from "../support/command-in-process.ts";

// The shells themselves complete, as at a terminal.

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "rollcall-completion-"));
  writeFileSync(join(folder, "backup.db"), "");
  for (const shell of ["zsh", "fish"]) {
    writeFileSync(join(folder, shell), (await runInProcess(["completion", shell])).stdout);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/**
 * The line that zsh, at a terminal of its own, makes of one: the widget tells it to a file, since a terminal redraws.
 * The file appears whole, and the terminal is kept until it has: a shell whose terminal closes is killed as it writes.
 */
function zshLine(line: string): string {
  const told = join(folder, "told");
  rmSync(told, { force: true });
  const ask = `
    zmodload zsh/zpty
    zpty -b shell zsh -f -i
    zpty -w shell 'autoload -U compinit; compinit -D; source ./zsh
      complete-and-tell() { zle complete-word; print -rn -- "$BUFFER" >telling; mv telling told }
      zle -N complete-and-tell; bindkey "^T" complete-and-tell
      zle-line-init() { print rea""dy }; zle -N zle-line-init'
    zpty -r -m shell said '*ready*'
    zpty -w -n shell "$1"$'\\x14'
    until [[ -e told ]]; do zpty -r -t shell said; sleep 0.01; done`;
  execFileSync("zsh", ["-f", "-c", ask, "zsh", line], { cwd: folder, timeout: 300_000 });
  return readFileSync(told, "utf8");
}

test.each([
  ["rollcall tok", "rollcall token "],
  ["rollcall token cr", "rollcall token create "],
  ["rollcall serve --renew-i", "rollcall serve --renew-interval "],
  ["rollcall serve --reflection of", "rollcall serve --reflection off "],
  ["rollcall check --file ba", "rollcall check --file backup.db "],
  ["rollcall restore ba", "rollcall restore backup.db "],
  ["rollcall doctor --only open", "rollcall doctor --only open-files "],
])("zsh makes of %j: %j", (line, completed) => {
  expect(zshLine(line)).toBe(completed);
});

function fishOffers(line: string): string[] {
  const words = ["--no-config", "-c", "source ./fish; complete -C $argv[1]", line];
  const printed = execFileSync("fish", words, {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, HOME: folder },
  });
  return printed.split("\n").flatMap((told) => told.split("\t")[0] || []);
}

test.each([
  ["rollcall tok", ["token"]],
  ["rollcall token ", ["create", "help", "list", "revoke"]],
  ["rollcall serve --renew", ["--renew-grace", "--renew-interval"]],
  ["rollcall serve --reflection ", ["off", "on"]],
  ["rollcall check --file ba", ["backup.db"]],
  ["rollcall restore ba", ["backup.db"]],
  ["rollcall completion ", ["bash", "fish", "zsh"]],
])("fish offers for %j: %j", (line, words) => {
  expect(fishOffers(line)).toEqual(words);
});
