import { readFileSync } from "node:fs";

/** The version of this package, which is the agent's. */
export function agentVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const named = typeof manifest === "object" && manifest !== null && "version" in manifest;
  return `rollcall-agent/${named ? manifest.version : "unknown"}`;
}
