import type { common } from "./groups/common.ts";
import type { connections } from "./groups/connections.ts";
import type { leases } from "./groups/leases.ts";
import type { quotas } from "./groups/quotas.ts";
import type { rates } from "./groups/rates.ts";
import type { serving } from "./groups/serving.ts";
import type { telemetry } from "./groups/telemetry.ts";
import type { tls } from "./groups/tls.ts";
import type { upkeep } from "./groups/upkeep.ts";
import type { ConfigOf, Given } from "./setting.ts";
import { type Flag, groups, type Settings, type Sourced } from "./settings-table.ts";

/**
 * Everything the server can be told, in the shape that the rows of src/config/groups have. Times whose names end in Ms are
 * milliseconds. Made by {@link parseConfig}; tests write it by hand.
 */
export interface Config
  extends ConfigOf<typeof common>,
    ConfigOf<typeof tls>,
    ConfigOf<typeof serving>,
    ConfigOf<typeof leases>,
    ConfigOf<typeof telemetry>,
    ConfigOf<typeof upkeep>,
    ConfigOf<typeof rates>,
    ConfigOf<typeof quotas>,
    ConfigOf<typeof connections> {}

/** Every setting that cannot be used, one sentence each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * Pure: the same settings give the same configuration.
 * @param set texts, or texts with where they come from, which errors then say
 * @throws ConfigError that names every wrong setting, not just the first.
 */
export function parseConfig(set: Settings | Sourced): Config {
  const problems: string[] = [];
  const given: Given = {
    text(flag) {
      const found = set[flag as Flag];
      return typeof found === "object" ? found.text : found;
    },
    wrong(sentence, flag) {
      const found = set[flag as Flag];
      problems.push(typeof found === "object" ? `${sentence} (${found.origin})` : sentence);
    },
  };
  const parts = groups.map((group) => group.read(given));
  if (problems.length > 0) throw new ConfigError(problems.join("\n"));
  return Object.assign({}, ...parts);
}
