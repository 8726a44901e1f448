import { type Command, Option } from "commander";
import { type Config, parseConfig } from "../config/config.ts";
import type { Setting } from "../config/setting.ts";
import {
  configVariable,
  type Flag,
  groups,
  type Sourced,
  settings,
  variableOf,
} from "../config/settings-table.ts";
import { readSources } from "../config/sources.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Gives a command the flag of a settings file, and those of some settings; of all, in their groups, unless told otherwise.
 * Defaults are shown, not set: variables and the file come between.
 */
export function addSettings(command: Command, flags?: readonly Flag[]): Command {
  command.addOption(new Option("--config <FILE>", `settings file in TOML [${configVariable}]`));
  for (const group of groups) {
    for (const setting of group.settings.filter(({ isSecret }) => !isSecret)) {
      if (flags === undefined) command.addOption(optionOf(setting).helpGroup(`${group.title}:`));
      else if (flags.includes(setting.flag)) command.addOption(optionOf(setting));
    }
  }
  if (flags === undefined) command.addHelpText("after", secretsHelp);
  return command;
}

function optionOf({ flag, value, help, range, fallback }: Setting): Option {
  const facts = [variableOf(flag), range, fallback === "" ? "" : `default ${fallback}`];
  return new Option(`--${flag} <${value}>`, `${help} [${facts.filter((fact) => fact !== "").join(", ")}]`);
}

/** What has no flag, since the process list shows flags. */
const secretsHelp = settings
  .filter(({ isSecret }) => isSecret)
  .map(
    ({ flag, help, fallback }) => `\nBy a variable only: ${variableOf(flag)}, ${help}; default ${fallback}`,
  )
  .join("");

/** How a command that lists things prints them. */
export function outputOption(): Option {
  return new Option("--output <FORMAT>", "how to print it").choices(["table", "json"]).default("table");
}

/** What a server would use, and how that came about. */
export interface ReadSettings {
  readonly config: Config;
  readonly set: Sourced;
  /** What was said in vain, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * The configuration of flags over variables over a settings file over defaults.
 * @param options of the command: those of its own are left alone
 * @throws ConfigError
 */
export function readSettings(options: object, terminal: Terminal): ReadSettings {
  const given = new Map<string, unknown>(Object.entries(options));
  const flags: Sourced = {};
  for (const { flag } of settings) {
    const text = given.get(flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase()));
    if (typeof text === "string") flags[flag] = { text, origin: `--${flag}` };
  }
  const file = given.get("config");
  const sources = readSources(flags, typeof file === "string" ? file : undefined, terminal.environment);
  return { ...sources, config: parseConfig(sources.set) };
}

/** The configuration alone. */
export function readConfig(options: object, terminal: Terminal): Config {
  return readSettings(options, terminal).config;
}
