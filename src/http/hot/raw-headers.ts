/** Names in lower case. */
export type AnswerHeaders = Readonly<Record<string, string | readonly string[]>>;

/**
 * Headers in the form that costs Node least: names and values in turn. Most answers have the very same headers as
 * others of their kind, by the same object; their form is made once.
 */
export class RawHeaders {
  readonly #always: AnswerHeaders;
  readonly #kept = new Map<AnswerHeaders, readonly string[]>();

  /**
   * @param always go with every answer
   * @param common objects that many answers share
   */
  constructor(always: AnswerHeaders, common: Iterable<AnswerHeaders>) {
    this.#always = always;
    for (const headers of common) this.#kept.set(headers, flat({ ...always, ...headers }));
  }

  /** @returns an array of its own: Node adds to it */
  of(headers: AnswerHeaders): string[] {
    return this.#kept.get(headers)?.slice() ?? flat({ ...this.#always, ...headers });
  }
}

function flat(headers: AnswerHeaders): string[] {
  return Object.entries(headers).flatMap(([name, values]) =>
    typeof values === "string" ? [name, values] : values.flatMap((value) => [name, value]),
  );
}
