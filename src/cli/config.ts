import { Command } from "commander";
import { settings } from "../config/settings-table.ts";
import { printableJson } from "../lib/printable.ts";
import { addSettings, type ReadSettings, readSettings } from "./settings.ts";
import { asTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const examples = `
A flag wins over its variable, that over the settings file, and that over the default.

Examples:
  rollcall config
  rollcall config --config /etc/rollcall/rollcall.toml --show-origin
  ROLLCALL_PORT=0 rollcall config --log-level debug
`;

/** `rollcall config`: what a server started with the same flags, environment and settings file would use. */
export function configCommand(terminal: Terminal): Command {
  return addSettings(
    new Command("config")
      .description("check the settings and print them as JSON, secrets hidden")
      .option("--show-origin", "print a table instead: each setting, its value, and where it comes from")
      .addHelpText("after", examples),
  ).action((options: { showOrigin?: boolean }) => {
    const read = readSettings(options, terminal);
    for (const told of read.warnings) terminal.warn(told);
    terminal.print(options.showOrigin === true ? originTable(read) : json(read));
  });
}

function json({ config }: ReadSettings): string {
  return printableJson({ ...config, adminToken: config.adminToken === null ? null : "(set)" });
}

function originTable({ set }: ReadSettings): string {
  const rows = settings.map(({ flag, isSecret, fallback }) => {
    const { text = fallback, origin = "default" } = set[flag] ?? {};
    return [flag, isSecret && set[flag] !== undefined ? "(set)" : text, origin];
  });
  return asTable(["SETTING", "VALUE", "ORIGIN"], rows);
}
