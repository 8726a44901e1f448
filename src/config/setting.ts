/** One thing that can be set: by a flag, else by a variable, else in a settings file, else its default. */
export interface Setting<F extends string = string, T = unknown> {
  /** Flag without dashes, and key of a settings file; the variable is `ROLLCALL_` and the same in upper snake case. */
  readonly flag: F;
  /** What stands for the value in the help, such as SECONDS, FILE or `on|off`. */
  readonly value: string;
  readonly help: string;
  /** What may be set, such as `1 to 3600`; empty where the value says it all. */
  readonly range: string;
  /** What holds when nothing is set, as an operator would write it, or a word for it; empty for nothing. */
  readonly fallback: string;
  /** The same as the configuration has it. */
  readonly default: T;
  /** Secrets are read from the environment alone: a flag is in the process list, a settings file is for others to read. */
  readonly isSecret: boolean;
  /** What a settings file must have here, to follow "must be". */
  readonly fileRule: string;
  /** A value of TOML as the text that a flag would have; null when it is of the wrong type. */
  fromFile(value: unknown): string | null;
  /** What a text means. One that cannot be used is told by `wrong`, and then the value is not used. */
  parse(text: string, wrong: Wrong): T;
}

/** Takes one sentence about a setting that cannot be used, in which its flag is named. */
export type Wrong = (sentence: string) => void;

/** Settings in the shape that the configuration has, beside what is fixed there. */
export type Rows = { readonly [field: string]: unknown };

/** The names of the settings among rows. */
export type FlagOf<R> =
  R extends Setting<infer F> ? F : R extends Rows ? { [K in keyof R]: FlagOf<R[K]> }[keyof R] : never;

/** The shape of rows with values in the place of settings. */
export type Values<R> =
  R extends Setting<string, infer T> ? T : R extends Rows ? { readonly [K in keyof R]: Values<R[K]> } : R;

/** What was given, when rows are read. */
export interface Given {
  /** The text that was set; undefined where none was. */
  text(flag: string): string | undefined;
  /** Takes what cannot be used. @param flag whose value is to blame */
  wrong(sentence: string, flag: string): void;
}

/** Settings that an operator looks for together. */
export interface Group<F extends string = string, C = unknown> {
  readonly title: string;
  /** What the documentation says above the table; may be empty. */
  readonly about: string;
  readonly settings: readonly Setting<F>[];
  read(given: Given): C;
}

/** The part of the configuration that a group makes. */
export type ConfigOf<G extends Group> = ReturnType<G["read"]>;

/**
 * @param rows in the shape that the configuration has
 * @param shape what the configuration has instead, where several settings make one field or depend on each other
 */
export function group<const R extends Rows, C = Values<R>>(
  { title, about = "" }: { readonly title: string; readonly about?: string },
  rows: R,
  shape: (values: Values<R>, given: Given) => C = (values) => values as C,
): Group<FlagOf<R>, C> {
  return {
    title,
    about,
    settings: settingsIn(rows) as Setting<FlagOf<R>>[],
    read: (given) => shape(valuesOf(rows, given) as Values<R>, given),
  };
}

function settingsIn(node: unknown): Setting[] {
  if (isSetting(node)) return [node];
  return isRows(node) ? Object.values(node).flatMap(settingsIn) : [];
}

function valuesOf(node: unknown, given: Given): unknown {
  if (isSetting(node)) {
    const text = given.text(node.flag);
    return text === undefined
      ? node.default
      : node.parse(text, (sentence) => given.wrong(sentence, node.flag));
  }
  if (!isRows(node)) return node;
  return Object.fromEntries(Object.entries(node).map(([field, below]) => [field, valuesOf(below, given)]));
}

function isSetting(node: unknown): node is Setting {
  return isRows(node) && typeof node.parse === "function";
}

function isRows(node: unknown): node is Rows {
  return typeof node === "object" && node !== null && !Array.isArray(node);
}
