/** Deepest nesting of objects and lists in a request: as protobuf's own implementations have it. */
export const jsonDepth = 100;

/** Whether a text of JSON nests deeper than a request may. Brackets inside of strings do not count. */
export function isTooDeep(text: string): boolean {
  // Each level takes one character to open.
  if (text.length <= jsonDepth) return false;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (character === 0x22) inString = !inString;
    else if (inString) at += character === 0x5c ? 1 : 0;
    else if (character === 0x7b || character === 0x5b) {
      depth += 1;
      if (depth > jsonDepth) return true;
    } else if (character === 0x7d || character === 0x5d) depth -= 1;
  }
  return false;
}
