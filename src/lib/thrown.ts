// Errors are told by their shape, not by instanceof: those of Node's own modules may come from another realm.

/** The named property of something thrown, such as `code` of a system error; undefined without one. */
export function partOf(error: unknown, name: "code" | "errcode"): unknown {
  return typeof error === "object" && error !== null ? Reflect.get(error, name) : undefined;
}

/** What something thrown says. */
export function messageOf(error: unknown): string {
  if (typeof error === "object" && error !== null && "message" in error) return String(error.message);
  return String(error);
}
