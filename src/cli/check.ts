import { Command } from "commander";
import { databaseFile, existingServerKeys } from "../start/data-dir.ts";
import { storeFiles } from "../start/open-store.ts";
import { areKeysOf, unreadable } from "../start/server-key.ts";
import { StoreRefusedError } from "../store/store.ts";
import { addSettings, readConfig } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

const about = `
Changes nothing, and works beside a running server or without one. Looks at every page and index of the file, at rows
that name others, at whether the audit log and the state agree, and at whether server.key opens what is encrypted.
Ends with 1 when something is wrong.

Examples:
  rollcall check
  rollcall check --file /var/backups/rollcall-2026-01-15.db
`;

/** `rollcall check`: whether the database, or a backup, is sound. */
export function checkCommand(terminal: Terminal): Command {
  return addSettings(new Command("check").description("check that the database, or a backup, is sound"), [
    "data-dir",
  ])
    .option("--file <FILE>", "a backup, instead of the database of the data folder")
    .addHelpText("after", about)
    .action((options: Record<string, string>) => {
      const { dataDir } = readConfig(options, terminal);
      const file = options.file ?? databaseFile(dataDir);
      const { schema, problems, counts } = storeFiles.check(file);
      const found = problems.length > 0 ? problems : keyProblems(file, dataDir);
      for (const problem of found) terminal.print(`problem: ${problem}`);
      if (found.length > 0) throw new StoreRefusedError(`${file} is not sound`);
      if (schema === "older") terminal.print("an older schema, which the next start of the server migrates");
      for (const [what, count] of Object.entries(counts)) terminal.print(`${count} ${what}`);
      terminal.print(`${file} is sound`);
    });
}

/** What server.key cannot open of a database, one sentence each. */
export function keyProblems(file: string, dataDir: string): readonly string[] {
  const keys = existingServerKeys(dataDir);
  const secrets = storeFiles.sealedSecrets(file);
  const { sealed, lost } = unreadable(secrets, keys);
  if (lost > 0) return [`server.key opens ${sealed - lost} of the ${sealed} secrets that are kept`];
  const isRight = areKeysOf({ digest: storeFiles.serverKeyDigest(file), secrets }, keys);
  return isRight ? [] : ["server.key is not the key of this database"];
}
