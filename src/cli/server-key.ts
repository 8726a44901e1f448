import { existsSync } from "node:fs";
import { Command } from "commander";
import { databaseFile, serverKeyFile } from "../start/data-dir.ts";
import { openStore } from "../start/open-store.ts";
import { resetServerKey, rotateServerKey, secretsLost } from "../start/server-key.ts";
import { type Store, StoreRefusedError } from "../store/store.ts";
import { addSettings, readConfig } from "./settings.ts";
import { asTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const about = `
The file server.key of the data folder encrypts what the server must be able to give back: metrics passwords of runners, tokens
for source-code hosts, the private keys that sign id tokens, and the answers that are kept for repeated calls. Stop the server first; it can
start again at once, with everything in place.

rotate makes a new key and encrypts everything under it. The key of before is kept beside it: backups that were made
until then can be restored with it alone. A rotation that is cut off at any moment is finished by the next start.

reset is for when the key is lost for good: it makes another, and gives up what only the lost one could read.

Examples:
  rollcall server-key rotate
  rollcall server-key reset
`;

/** `rollcall server-key`: changes the key that encrypts secrets in the database. */
export function serverKeyCommand(terminal: Terminal): Command {
  return new Command("server-key")
    .description("change the key that encrypts secrets in the database")
    .addHelpText("after", about)
    .addCommand(rotateCommand(terminal))
    .addCommand(resetCommand(terminal));
}

function rotateCommand(terminal: Terminal): Command {
  const description = "make a new key, and encrypt everything under it";
  return addSettings(new Command("rotate").description(description), ["data-dir"])
    .addHelpText("after", about)
    .action((options: { readonly dataDir?: string }) =>
      withStore(options, terminal, async (store, dataDir) => {
        const { secrets, kept } = await rotateServerKey(dataDir, store);
        terminal.print(`${serverKeyFile(dataDir)} is new; ${secrets} secrets are encrypted under it`);
        terminal.warn(
          `${kept} is the key of before: keep it with the backups that were made until now, in another place than ` +
            "they are, and remove it here. Keep the new key, too",
        );
      }),
    );
}

function resetCommand(terminal: Terminal): Command {
  return addSettings(new Command("reset").description("give up what no key can read any more"), ["data-dir"])
    .option("--yes", "do it; otherwise it only says what would be given up")
    .addHelpText("after", about)
    .action((options: { readonly dataDir?: string; readonly yes?: boolean }) =>
      withStore(options, terminal, async (store, dataDir) => {
        const lost = await secretsLost(dataDir, store);
        terminal.print(
          asTable(
            ["LOST", "OF"],
            [...lost].map(({ what, id }) => [what, id]),
          ),
        );
        if (options.yes !== true) {
          throw new StoreRefusedError(
            `nothing was changed; --yes gives up these ${lost.length}, and makes a server.key where there is none`,
          );
        }
        const { givenUp, aside } = await resetServerKey(dataDir, store);
        if (aside !== null) terminal.warn(`what was in the place of the key is ${aside}`);
        terminal.print(`gave up ${givenUp.length} secrets; ${serverKeyFile(dataDir)} is the key from now on`);
        terminal.warn(
          "set the metrics passwords again (UpdateRunner), and have users store their tokens for source-code hosts again; " +
            "lost signing keys are made anew by themselves",
        );
      }),
    );
}

/** Opens the store as a server does: no other may be using it, and an older one is brought up to date. */
async function withStore(
  options: object,
  terminal: Terminal,
  work: (store: Store, dataDir: string) => Promise<void>,
): Promise<void> {
  const { dataDir } = readConfig(options, terminal);
  const file = databaseFile(dataDir);
  if (!existsSync(file)) throw new StoreRefusedError(`${file} does not exist; check --data-dir`);
  const store = openStore(file, "server");
  try {
    await work(store, dataDir);
  } finally {
    await store.close();
  }
}
