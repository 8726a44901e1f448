/** Longest quotation of what a client sent, in characters. */
const longest = 100;

/** What a client sent, as far as an error may repeat it: long enough to be known again. */
export function shortened(text: string): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}
