import { packageVersion } from "../lib/version.ts";

/** The version of the reference agent, which is that of its package. */
export function agentVersion(): string {
  return `rollcall-agent/${packageVersion()}`;
}
