import { RunnerCapability } from "../../gen/gitpod/v1/runner_pb.js";

const prefix = "RUNNER_CAPABILITY_";

/** The names that `parseCapability` knows, as people write them: `agent-execution`. */
export const capabilityNames: readonly string[] = Object.keys(RunnerCapability)
  .filter((name) => Number.isNaN(Number(name)) && name !== "UNSPECIFIED")
  .map((name) => name.toLowerCase().replaceAll("_", "-"))
  .sort();

/**
 * The number of a capability that was written in any usual way: `agent-execution`, `AGENT_EXECUTION`,
 * `RUNNER_CAPABILITY_AGENT_EXECUTION`, or its number, for those that this version has no name for.
 * @returns null when there is none
 */
export function parseCapability(text: string): number | null {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  const name = text.toUpperCase().replaceAll("-", "_");
  const short = name.startsWith(prefix) ? name.slice(prefix.length) : name;
  const found = Object.entries(RunnerCapability).find(
    ([key, value]) => key === short && typeof value === "number",
  );
  return found === undefined || found[1] === 0 ? null : Number(found[1]);
}
