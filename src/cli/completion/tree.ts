import type { Argument, Command, Option } from "commander";

/** What may follow a flag, or stand as an argument: files, folders, some words, or free text that cannot be completed. */
export type Value =
  | { readonly kind: "file" | "folder" | "anything" }
  | { readonly kind: "words"; readonly words: readonly string[] };

export interface Flag {
  /** Its spellings, with dashes. */
  readonly names: readonly string[];
  readonly about: string;
  /** Null for a flag that takes none. */
  readonly value: Value | null;
}

/** One command, or the program itself. */
export interface Place {
  /** The words that lead here, each after a blank: ` token create`; empty for the program. */
  readonly at: string;
  readonly commands: readonly { readonly name: string; readonly about: string }[];
  readonly flags: readonly Flag[];
  /** Of the arguments that are no flags; null when there are none. */
  readonly argument: Value | null;
}

/** Every place of a program, as its commands declare themselves. */
export function placesOf(program: Command, at = ""): Place[] {
  const commands = program.createHelp().visibleCommands(program);
  const place: Place = {
    at,
    commands: commands.map((command) => ({ name: command.name(), about: command.description() })),
    flags: program.createHelp().visibleOptions(program).map(flagOf),
    argument: argumentOf(program.registeredArguments[0]),
  };
  const below = commands.filter((command) => command.name() !== "help");
  return [place, ...below.flatMap((command) => placesOf(command, `${at} ${command.name()}`))];
}

function flagOf(option: Option): Flag {
  const [, name = ""] = /[<[]([^>\].]+)/.exec(option.flags) ?? [];
  const takesValue = option.required || option.optional;
  return {
    names: [option.long, option.short].filter((spelling) => spelling !== undefined && spelling !== null),
    // The variable and the default in brackets are for those who read the whole help.
    about: option.description.replace(/ \[.*\]$/, ""),
    value: takesValue ? valueNamed(name, option.argChoices) : null,
  };
}

function argumentOf(argument: Argument | undefined): Value | null {
  return argument === undefined ? null : valueNamed(argument.name(), argument.argChoices);
}

/** By the name that stands for it in the help: FILE, DIR, `on|off`. */
function valueNamed(name: string, choices: readonly string[] | undefined): Value {
  if (choices !== undefined) return { kind: "words", words: choices };
  if (name.includes("|")) return { kind: "words", words: name.split("|") };
  return { kind: name === "FILE" ? "file" : name === "DIR" ? "folder" : "anything" };
}

/** The words before a value, a place and a flag of it, by what a shell has to do for the value. */
export function valuesBy<T>(places: readonly Place[], action: (value: Value) => T): [T, string[]][] {
  const found = new Map<T, string[]>();
  for (const { at, flags } of places) {
    for (const { names, value } of flags) {
      if (value === null) continue;
      const key = action(value);
      found.set(key, [...(found.get(key) ?? []), ...names.map((name) => `${at} ${name}`)]);
    }
  }
  return [...found];
}
