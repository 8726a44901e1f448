/** The keys that may be undefined become keys that may be absent. */
export type Present<T> = {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
} & {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
};

/** Leaves out what was not sent: to the domain an absent key, not `undefined`, means unchanged. */
export function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}

/**
 * A message as plain data, type names and unknown fields left out. The domain changes values by spreading them,
 * and a type name that travels along would make the encoder take the changed part for a complete message.
 */
export function plain(message: unknown): unknown {
  if (Array.isArray(message)) return message.map(plain);
  if (typeof message !== "object" || message === null || message instanceof Uint8Array) return message;
  const fields: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(message)) {
    if (!key.startsWith("$")) fields[key] = plain(value);
  }
  return fields;
}
