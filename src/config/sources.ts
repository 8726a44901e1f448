import { machineDefaults, variables, warningsOf } from "./environment.ts";
import { readSettingsFile } from "./settings-file.ts";
import { configVariable, type Sourced } from "./settings-table.ts";

/** What was set, and what was said in vain: one sentence each. */
export interface Sources {
  readonly set: Sourced;
  readonly warnings: readonly string[];
}

/**
 * The settings of flags over variables over the settings file over what the machine suggests.
 * @param file the settings file that a flag names
 * @throws ConfigError about a settings file that cannot be used
 */
export function readSources(
  flags: Sourced,
  file: string | undefined,
  environment: NodeJS.ProcessEnv,
): Sources {
  const path = file ?? (environment[configVariable] || undefined);
  const set: Sourced = {
    ...machineDefaults(environment),
    ...(path !== undefined && readSettingsFile(path)),
    ...variables(environment),
    ...flags,
  };
  return { set, warnings: warningsOf(environment, set) };
}
