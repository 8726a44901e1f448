import { closeSync, openSync, readSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import { closest } from "../lib/closest.ts";
import { shortened } from "../lib/shortened.ts";
import { ConfigError } from "./config.ts";
import type { Setting } from "./setting.ts";
import { type Sourced, settings, variableOf } from "./settings-table.ts";

/** Far more than all settings take, in bytes: what is larger was named by mistake, such as a device without an end. */
const mostBytes = 256 * 1024;

/**
 * Reads a settings file: TOML whose keys are the flags without dashes, in no table. The origin of a setting is
 * `rollcall.toml:3`, or the file alone where the line is not plain to see.
 * @throws ConfigError that names all that is wrong in it by key and line, or why it cannot be read
 */
export function readSettingsFile(path: string): Sourced {
  const text = textOf(path);
  const problems: string[] = [];
  const found: Sourced = {};
  for (const [key, value] of Object.entries(tomlOf(path, text))) {
    const origin = placeOf(path, text, key);
    const setting = settings.find(({ flag }) => flag === key);
    const given = setting?.isSecret ? null : setting?.fromFile(value);
    if (setting !== undefined && typeof given === "string") found[setting.flag] = { text: given, origin };
    else problems.push(`${setting === undefined ? unknown(key, value) : unfit(setting, value)} (${origin})`);
  }
  if (problems.length > 0) throw new ConfigError(problems.join("\n"));
  return found;
}

/** Whole numbers come as bigint, so that 1.0 is not taken for one. */
function tomlOf(path: string, text: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text, { integersAsBigInt: true });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Without the lines around it, which the message goes on with: there may be a secret among them.
    const reason = error.message.split("\n", 1)[0]?.replace("Invalid TOML document: ", "");
    throw new ConfigError(`not TOML: ${reason} (${path}:${error.line}, column ${error.column})`);
  }
}

function unknown(key: string, value: unknown): string {
  const name = shortened(key);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return `${name} is a table: keys are the flags without dashes, and stand in no table`;
  }
  const flags = settings.filter(({ isSecret }) => !isSecret).map(({ flag }) => flag);
  const meant = closest(key.toLowerCase().replaceAll("_", "-"), flags);
  return `${name} is no setting of this version${meant === null ? "" : `; did you mean ${meant}?`}`;
}

function unfit({ flag, isSecret, fileRule }: Setting, value: unknown): string {
  return isSecret
    ? `${flag} is a secret, and not read from a settings file: set ${variableOf(flag)} or ${flag}-file`
    : `${flag} must be ${fileRule}, not ${shown(value)}`;
}

function shown(value: unknown): string {
  if (typeof value === "string") return `the text "${shortened(value)}"`;
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return "a list";
  return value instanceof Date ? "a date" : "a table";
}

/** The line is known when one line alone looks as if it set the key: a text of several lines may look so, too. */
function placeOf(path: string, text: string, key: string): string {
  const lines = text.split("\n");
  const names = [key, `"${key}"`, `'${key}'`];
  const hits = lines.flatMap((line, index) => {
    const [, name = ""] = /^\s*\[{0,2}\s*("[^"]*"|'[^']*'|[\w-]+)\s*[=.\]]/.exec(line) ?? [];
    return names.includes(name) ? [index + 1] : [];
  });
  return hits.length === 1 ? `${path}:${hits[0]}` : path;
}

function textOf(path: string): string {
  const bytes = Buffer.alloc(mostBytes + 1);
  let length = 0;
  try {
    const file = openSync(path, "r");
    try {
      for (let read = 1; read > 0 && length < bytes.length; length += read) {
        read = readSync(file, bytes, length, bytes.length - length, null);
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new ConfigError(`config cannot be read: ${Error.isError(error) ? error.message : String(error)}`);
  }
  if (length > mostBytes) throw new ConfigError(`config is larger than ${mostBytes / 1024} KiB: ${path}`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length));
  } catch {
    throw new ConfigError(`config is not a text in UTF-8: ${path}`);
  }
}
