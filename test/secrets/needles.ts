/** A secret, and how it would look where it must not be. */
export interface Secret {
  /** What is told of it; the secret itself is never printed. */
  readonly name: string;
  readonly value: Buffer;
  readonly forms: ReadonlyMap<string, Buffer>;
}

/** A secret in every form that a log, an answer or a file could hold it in. */
export function secretOf(name: string, secret: string | Uint8Array): Secret {
  const value = Buffer.from(secret);
  const forms = new Map<string, Buffer>([["plain", value]]);
  const text = (form: string, written: string) => forms.set(form, Buffer.from(written));
  if (typeof secret === "string") {
    text("JSON", JSON.stringify(secret).slice(1, -1));
    text("percent-encoded", encodeURIComponent(secret));
  }
  text("hex", value.toString("hex"));
  text("upper hex", value.toString("hex").toUpperCase());
  text("numbers", [...value].join(","));
  for (const before of [0, 1, 2]) {
    text(`base64 after ${before} bytes`, inBase64(value, before, "base64"));
    text(`base64url after ${before} bytes`, inBase64(value, before, "base64url"));
  }
  return { name, value, forms };
}

/** The digits that base64 has for a secret which other bytes surround, as in `user:password`. */
function inBase64(value: Buffer, before: number, alphabet: "base64" | "base64url"): string {
  const digits = Buffer.concat([Buffer.alloc(before), value]).toString(alphabet);
  return digits.slice(Math.ceil((before * 8) / 6), Math.floor(((before + value.length) * 8) / 6));
}

/** Which secrets some bytes hold, and in what form: `user token (hex)`. */
export function found(where: string | Buffer, secrets: readonly Secret[]): string[] {
  const hay = Buffer.from(where);
  return secrets.flatMap(({ name, forms }) =>
    [...forms].filter(([, bytes]) => hay.includes(bytes)).map(([form]) => `${name} (${form})`),
  );
}
