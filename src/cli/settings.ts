import { type Command, Option } from "commander";
import { type Config, parseConfig } from "../config/config.ts";
import { readEnvironment } from "../config/environment.ts";
import { type Flag, type Settings, settings, variableOf } from "../config/settings-table.ts";
import type { Terminal } from "./terminal.ts";

/** Gives a command the flags of some settings. Defaults are shown, not set: the environment comes between. */
export function addSettings(command: Command, flags?: readonly Flag[]): Command {
  for (const setting of settings) {
    if ("secret" in setting || (flags !== undefined && !flags.includes(setting.flag))) continue;
    const fallback = setting.fallback === "" ? "" : `, default ${setting.fallback}`;
    const help = `${setting.help} [${variableOf(setting.flag)}${fallback}]`;
    command.addOption(new Option(`--${setting.flag} <${setting.value}>`, help));
  }
  return command;
}

/** How a command that lists things prints them. */
export function outputOption(): Option {
  return new Option("--output <FORMAT>", "how to print it").choices(["table", "json"]).default("table");
}

/** The configuration of flags over environment over defaults. */
export function readConfig(options: Record<string, string | undefined>, terminal: Terminal): Config {
  const set: Settings = readEnvironment(terminal.environment);
  for (const { flag } of settings) {
    const value = options[flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];
    if (value !== undefined) set[flag] = value;
  }
  return parseConfig(set);
}
