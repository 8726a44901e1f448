import { Command } from "commander";
import { databaseFile, serverKeyFile } from "../start/data-dir.ts";
import { storeFiles } from "../start/open-store.ts";
import { addSettings, readConfig } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

const about = `
Works beside a running server, which goes on serving, or without one. The copy is one file: the state of one moment,
checked before it gets its name. A file that is there is never replaced.

The copy does not hold the file server.key of the data folder, without which a backup cannot be restored. That file
changes with rollcall server-key rotate alone: keep it, apart from the backups. See docs/operations/backup.md.

Example:
  rollcall backup "/var/backups/rollcall-$(date +%F).db"
`;

/** `rollcall backup`: a copy of the database as it is now. */
export function backupCommand(terminal: Terminal): Command {
  return addSettings(
    new Command("backup").description("copy the database into a file, also while it is used"),
    ["data-dir"],
  )
    .argument("<FILE>", "the file to make")
    .addHelpText("after", about)
    .action(async (target: string, options: Record<string, string>) => {
      const { dataDir } = readConfig(options, terminal);
      const { bytes } = await storeFiles.backUp(databaseFile(dataDir), target);
      terminal.print(`backed up ${databaseFile(dataDir)} to ${target}: ${bytes} bytes`);
      terminal.warn(
        `keep ${serverKeyFile(dataDir)} too, in another place: no backup can be restored without it`,
      );
    });
}
