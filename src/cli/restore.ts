import { Command } from "commander";
import { databaseFile, existingServerKeys, serverKeyFile } from "../start/data-dir.ts";
import { storeFiles } from "../start/open-store.ts";
import { areKeysOf } from "../start/server-key.ts";
import { StoreRefusedError } from "../store/store.ts";
import { addSettings, readConfig } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

const about = `
Stop the server first. On a new machine, put the server.key that you kept into the data folder before. The database
that was there is kept beside the new one, under a name that says when it was replaced.

What changed after the backup is gone with it: runners that were registered since have to be registered again, and
tokens that were revoked since work again until you revoke them once more.

Example:
  rollcall restore /var/backups/rollcall-2026-01-15.db
`;

/** `rollcall restore`: puts a backup in the place of the database. */
export function restoreCommand(terminal: Terminal): Command {
  return addSettings(new Command("restore").description("put a backup in the place of the database"), [
    "data-dir",
  ])
    .argument("<FILE>", "a file that rollcall backup made")
    .addHelpText("after", about)
    .action(async (backup: string, options: Record<string, string>) => {
      const { dataDir } = readConfig(options, terminal);
      const keys = existingServerKeys(dataDir);
      const { kept } = await storeFiles.restore(backup, databaseFile(dataDir), (copy) => {
        const kept = { digest: storeFiles.serverKeyDigest(copy), secrets: storeFiles.sealedSecrets(copy) };
        if (!areKeysOf(kept, keys)) {
          throw new StoreRefusedError(
            `${serverKeyFile(dataDir)} is not the key of this backup; put the one that you kept with it there`,
          );
        }
      });
      terminal.print(`restored ${databaseFile(dataDir)} from ${backup}`);
      if (kept !== null) terminal.print(`the database of before is ${kept}`);
    });
}
