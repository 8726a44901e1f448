import type { IncomingHttpHeaders } from "node:http";

/**
 * The headers of a request as `Headers`, read straight from what Node parsed. A call asks for two or three of them;
 * to copy all into a real `Headers` costs more than the rest of its way to the handler. A handler that does more
 * than look up a name gets that copy.
 */
export class LazyHeaders implements Headers {
  readonly #incoming: IncomingHttpHeaders;
  #copy: Headers | undefined;

  constructor(incoming: IncomingHttpHeaders) {
    this.#incoming = incoming;
  }

  get(name: string): string | null {
    if (this.#copy !== undefined) return this.#copy.get(name);
    const value = this.#incoming[name] ?? this.#incoming[name.toLowerCase()];
    if (value === undefined) return null;
    return typeof value === "string" ? trimmed(value) : this.#headers().get(name);
  }
  has(name: string): boolean {
    return this.get(name) !== null;
  }
  getSetCookie(): string[] {
    return this.#headers().getSetCookie();
  }
  append(name: string, value: string): void {
    this.#headers().append(name, value);
  }
  set(name: string, value: string): void {
    this.#headers().set(name, value);
  }
  delete(name: string): void {
    this.#headers().delete(name);
  }
  forEach(visit: (value: string, name: string, headers: Headers) => void, self?: unknown): void {
    this.#headers().forEach((value, name) => {
      visit.call(self, value, name, this);
    });
  }
  entries(): ReturnType<Headers["entries"]> {
    return this.#headers().entries();
  }
  keys(): ReturnType<Headers["keys"]> {
    return this.#headers().keys();
  }
  values(): ReturnType<Headers["values"]> {
    return this.#headers().values();
  }
  [Symbol.iterator](): ReturnType<Headers["entries"]> {
    return this.#headers()[Symbol.iterator]();
  }

  #headers(): Headers {
    if (this.#copy === undefined) {
      this.#copy = new Headers();
      for (const [name, value] of Object.entries(this.#incoming)) {
        if (name.startsWith(":") || value === undefined) continue;
        for (const one of typeof value === "string" ? [value] : value) this.#copy.append(name, one);
      }
    }
    return this.#copy;
  }
}

/** As `Headers` does it: without the white space around. */
function trimmed(value: string): string {
  const first = value.charCodeAt(0);
  const last = value.charCodeAt(value.length - 1);
  return first > 0x20 && last > 0x20 ? value : value.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
}

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
