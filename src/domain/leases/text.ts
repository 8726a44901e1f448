// Control characters in a status message could redraw an operator's terminal or forge log lines. Line feed
// and tab are harmless where messages are shown. Bidirectional overrides can reorder what is read.
const UNWANTED = /(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu;

/**
 * A runner's message as it may be shown: what could deceive a reader is replaced with U+FFFD.
 * @returns the text, and how many characters were replaced
 */
export function cleanText(text: string): { readonly text: string; readonly replaced: number } {
  let replaced = 0;
  const cleaned = text.replace(UNWANTED, () => {
    replaced += 1;
    return "\ufffd";
  });
  return { text: cleaned, replaced };
}

/** The line for `RenewRegistrationResponse.notices`, or null when nothing was replaced. */
export function cleanNotice(field: string, replaced: number): string | null {
  if (replaced === 0) return null;
  return `${field}: ${replaced} control character${replaced === 1 ? " was" : "s were"} replaced`;
}
