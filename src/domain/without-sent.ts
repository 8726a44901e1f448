/**
 * A refusal as logs and traces may have it. Its caller is told what was wrong with what it sent; who sends a secret in
 * the wrong place must not find it where others read.
 */
export function withoutSent(message: string): string {
  return message.replace(/".*"/s, '"…"').replace(/(?<=timeout value: ).*/s, "…");
}
