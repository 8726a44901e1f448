import { shortened } from "../lib/shortened.ts";
import type { Setting, Wrong } from "./setting.ts";

// What kinds of settings there are. A row names its kind, and has the rest from it: how it is written in the help, what
// may be set, and what an operator is told who sets something else.

interface Row {
  readonly help: string;
}

/** @typeParam W the word that may stand in the place of a number, and makes null of it */
interface NumberRow<W extends string> extends Row {
  readonly from: number;
  readonly to: number;
  readonly default: number | OrNull<W>;
  readonly unless?: W;
}
type OrNull<W> = [W] extends [never] ? never : null;

interface Unit {
  readonly value: string;
  /** Follows "a whole number"; empty for things that are just counted. */
  readonly of: string;
  /** By which a number becomes what the configuration has. */
  readonly factor: number;
}

/** A whole number of something. */
export function count<const F extends string, const W extends string = never>(flag: F, row: NumberRow<W>) {
  return whole(flag, { value: "COUNT", of: "", factor: 1 }, row);
}

/** A whole number of bytes. */
export function bytes<const F extends string>(flag: F, row: NumberRow<never>) {
  return whole(flag, { value: "BYTES", of: " of bytes", factor: 1 }, row);
}

/** A whole number of percent. */
export function percent<const F extends string>(flag: F, row: NumberRow<never>) {
  return whole(flag, { value: "PERCENT", of: " of percent", factor: 1 }, row);
}

/** A TCP port; 0 takes a free one. */
export function port<const F extends string, const W extends string = never>(
  flag: F,
  row: Omit<NumberRow<W>, "from" | "to">,
) {
  return whole<F, W>(flag, { value: "PORT", of: "", factor: 1 }, { ...row, from: 0, to: 65_535 });
}

/** A whole number of seconds that stays one, where `duration` makes milliseconds. */
export function seconds<const F extends string>(flag: F, row: NumberRow<never>) {
  return whole(flag, { value: "SECONDS", of: " of seconds", factor: 1 }, row);
}

const unitMs = { milliseconds: 1, seconds: 1_000, hours: 3_600_000, days: 86_400_000 } as const;

/** A whole number of some unit of time. The configuration and `default` have milliseconds; `from` and `to` the unit. */
export function duration<const F extends string, const W extends string = never>(
  flag: F,
  unit: keyof typeof unitMs,
  row: NumberRow<W>,
) {
  return whole(flag, { value: unit.toUpperCase(), of: ` of ${unit}`, factor: unitMs[unit] }, row);
}

function whole<const F extends string, const W extends string = never>(
  flag: F,
  { value, of, factor }: Unit,
  { help, from, to, unless, default: fixed }: NumberRow<W>,
): Setting<F, number | OrNull<W>> {
  const range = `${from} to ${to}`;
  const rule = `${unless === undefined ? "" : `${unless}, or `}a whole number${of} from ${range}`;
  return {
    ...{ flag, value, help, range, isSecret: false, default: fixed, fileRule: rule },
    fallback: fixed === null ? (unless ?? "") : String(fixed / factor),
    fromFile: (written) => {
      if (typeof written === "bigint") return String(written);
      return written === unless ? (unless ?? null) : null;
    },
    parse(text, wrong) {
      if (text === unless) return null as OrNull<W>;
      const number = Number(text);
      if (!/^\d+$/.test(text) || number < from || number > to) {
        wrong(`${flag} must be ${rule}, not "${shortened(text)}"`);
      }
      return number * factor;
    },
  };
}

const textOfFile = (written: unknown) => (typeof written === "string" ? written : null);

/** One of some words. */
export function oneOf<const F extends string, const T extends string>(
  flag: F,
  words: readonly T[],
  row: Row & { readonly default: NoInfer<T>; readonly value?: string },
): Setting<F, T> {
  const rule = `one of ${words.join(", ")}`;
  return {
    ...{ flag, help: row.help, range: "", isSecret: false, default: row.default, fallback: row.default },
    value: row.value ?? words.join("|"),
    fileRule: `${rule}, in quotes`,
    fromFile: textOfFile,
    parse(text, wrong) {
      const word = words.find((candidate) => candidate === text);
      if (word === undefined) wrong(`${flag} must be ${rule}, not "${shortened(text)}"`);
      return word ?? row.default;
    },
  };
}

/** On or off. */
export function onOff<const F extends string>(
  flag: F,
  row: Row & { readonly default: boolean },
): Setting<F, boolean> {
  const word = (on: boolean) => (on ? "on" : "off");
  const words = oneOf(flag, ["on", "off"], { help: row.help, default: word(row.default) });
  return {
    ...words,
    default: row.default,
    fileRule: "true or false",
    fromFile: (written) => (typeof written === "boolean" ? word(written) : null),
    parse: (text, wrong) => words.parse(text, wrong) === "on",
  };
}

/** Several texts, separated by commas. `read` makes of them what the configuration has, and tells which are wrong. */
export function list<const F extends string, T>(
  flag: F,
  row: Row & { read(entries: readonly string[], wrong: Wrong): T },
): Setting<F, T> {
  return {
    ...{ flag, value: "LIST", help: row.help, range: "", isSecret: false, fallback: "" },
    default: row.read([], () => {}),
    fileRule: 'a list of texts such as ["one", "two"]',
    fromFile: (written) =>
      Array.isArray(written) && written.every((entry) => typeof entry === "string")
        ? written.join(",")
        : null,
    parse(text, wrong) {
      const entries = text.split(",").map((entry) => entry.trim());
      return row.read(
        entries.filter((entry) => entry !== ""),
        (rule) => wrong(`${flag}: ${rule}`),
      );
    },
  };
}

/** Any text but an empty one. */
export function text<const F extends string, T extends string | null>(
  flag: F,
  row: Row & { readonly value: string; readonly default: T; readonly fallback?: string },
): Setting<F, string | T> {
  return {
    ...{ flag, value: row.value, help: row.help, range: "", isSecret: false, default: row.default },
    fallback: row.fallback ?? row.default ?? "",
    fileRule: "a text in quotes",
    fromFile: textOfFile,
    parse(given, wrong) {
      if (given === "") wrong(`${flag} must not be empty`);
      return given;
    },
  };
}

/** The path of a file, or null. */
export function file<const F extends string>(flag: F, row: Row): Setting<F, string | null> {
  return text(flag, { ...row, value: "FILE", default: null });
}

/** An address of the web without a slash at the end, or null. */
export function url<const F extends string>(
  flag: F,
  row: Row & { readonly example: string; readonly fallback?: string },
): Setting<F, string | null> {
  return {
    ...text(flag, { ...row, value: "URL", default: null }),
    parse(given, wrong) {
      if (!isWebAddress(given)) {
        // An operator who wrote a password into it would have it in the terminal.
        const shown = shortened(given.replace(/\/\/[^/]*@/, "//…@"));
        wrong(`${flag} must be an http or https address such as ${row.example}, not "${shown}"`);
      }
      return given.replace(/\/+$/, "");
    },
  };
}

/** Whether a text is an http or https address to which a path can be added, without secrets in it. */
export function isWebAddress(given: string): boolean {
  const address = URL.parse(given);
  const plain = address !== null && ["http:", "https:"].includes(address.protocol) && address.username === "";
  return plain && !/[?#]/.test(given);
}

/** A secret that has no flag, or null. What is wrong with it is told without it. */
export function secret<const F extends string>(
  flag: F,
  row: Row & { readonly fallback: string; readonly rule: string; isUsable(given: string): boolean },
): Setting<F, string | null> {
  return {
    ...text(flag, { ...row, value: "TOKEN", default: null }),
    isSecret: true,
    parse(given, wrong) {
      if (!row.isUsable(given)) wrong(`${flag} must be ${row.rule}`);
      return given;
    },
  };
}
