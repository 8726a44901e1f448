/** How many letters a name that was meant may differ by: more than a slip or two is another name. */
const slips = 2;
/** A name that is longer was not meant to be any of ours. */
const longest = 100;

/** The name that was most likely meant by one that is not known; null when none is near. */
export function closest(name: string, known: readonly string[]): string | null {
  if (name.length > longest) return null;
  let best: string | null = null;
  let fewest = Math.min(slips, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const apart = distance(name, candidate);
    if (apart < fewest) [best, fewest] = [candidate, apart];
  }
  return best;
}

/** The letters to add, drop, replace, or swap with the next, that make one name of the other. */
function distance(from: string, to: string): number {
  let before: number[] = [];
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const at = (line: readonly number[], place: number) => line[place] ?? Number.POSITIVE_INFINITY;
      const isSame = from[row - 1] === to[column - 1];
      const isSwap = row > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        at(above, column) + 1,
        at(current, column - 1) + 1,
        at(above, column - 1) + (isSame ? 0 : 1),
        isSwap ? at(before, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [before, above] = [above, current];
  }
  return above[to.length] ?? 0;
}
