/**
 * Characters that a terminal obeys instead of showing, or that have it show something else than what is there: escapes (ESC,
 * OSC and all other C0 and C1 controls), marks of writing direction, and what has no shape of its own.
 */
const steering = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** A text that others chose, on one line and without what steers a terminal: each such character becomes `?`. */
export function printable(text: string): string {
  return text.replaceAll(steering, "?");
}

/** The same for a text of several lines: line ends and tabs stay. */
export function printableLines(text: string): string {
  return text.replaceAll(steering, (character) => (/[\n\t]/.test(character) ? character : "?"));
}

/** JSON for scripts and eyes: the same value to a parser, with what steers a terminal written as escapes. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll(steering, (character) =>
    character === "\n"
      ? character
      : Array.from({ length: character.length }, (_, at) => escapeOf(character.charCodeAt(at))).join(""),
  );
}

/** @param unit a UTF-16 code unit */
function escapeOf(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}
