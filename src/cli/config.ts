import { Command } from "commander";
import { vainVariables } from "../config/environment.ts";
import { printableJson } from "../lib/printable.ts";
import { addSettings, readConfig } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

const examples = `
Examples:
  rollcall config
  ROLLCALL_PORT=0 rollcall config --log-level debug
`;

/** `rollcall config`: what a server started with the same flags and environment would use. */
export function configCommand(terminal: Terminal): Command {
  return addSettings(
    new Command("config")
      .description("check the settings and print them as JSON, secrets hidden")
      .addHelpText("after", examples),
  ).action((options: Record<string, string>) => {
    const config = readConfig(options, terminal);
    const shown = { ...config, adminToken: config.adminToken === null ? null : "(set)" };
    for (const told of vainVariables(terminal.environment)) terminal.warn(told);
    terminal.print(printableJson(shown));
  });
}
