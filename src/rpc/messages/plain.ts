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
