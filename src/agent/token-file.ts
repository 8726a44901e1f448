import { readFileSync } from "node:fs";
import { tokenKind, tokenPrefixes } from "../domain/tokens/token.ts";
import { partOf } from "../lib/thrown.ts";
import { isToken } from "./credential.ts";
import { unusable } from "./state-files.ts";

/**
 * The exchange token of a file, or null when there is no such file: once exchanged it may be removed.
 * @throws AgentEndError STATE_UNUSABLE for a file that holds something else
 */
export function readTokenFile(path: string): string | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    if (partOf(error, "code") === "ENOENT") return null;
    throw unusable(path, error);
  }
  if (!isToken(text)) throw unusable(path, "it must hold one exchange token and nothing else");
  for (const [kind, prefix] of Object.entries(tokenPrefixes)) {
    if (!text.startsWith(`${prefix}_`)) continue;
    if (kind !== "exchange") {
      throw unusable(
        path,
        "it holds an access token; what CreateRunner or CreateRunnerToken answers is needed",
      );
    }
    if (tokenKind(text) === null) throw unusable(path, "the exchange token in it is incomplete or mistyped");
  }
  return text;
}
