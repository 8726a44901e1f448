import { common } from "./groups/common.ts";
import { connections } from "./groups/connections.ts";
import { leases } from "./groups/leases.ts";
import { quotas } from "./groups/quotas.ts";
import { rates } from "./groups/rates.ts";
import { serving } from "./groups/serving.ts";
import { telemetry } from "./groups/telemetry.ts";
import { tls } from "./groups/tls.ts";
import { upkeep } from "./groups/upkeep.ts";
import type { Group, Setting } from "./setting.ts";

/**
 * Behind the configuration, the flags, the variables, the settings file, `--help` and docs/settings.md: what most operators
 * need comes first.
 */
export const groups = [
  common,
  tls,
  serving,
  leases,
  telemetry,
  upkeep,
  rates,
  quotas,
  connections,
] as const satisfies readonly Group[];

export type Flag = (typeof groups)[number]["settings"][number]["flag"];

export const settings: readonly Setting<Flag>[] = groups.flatMap(
  (group): readonly Setting<Flag>[] => group.settings,
);

/** What was set, as text, by flag name. */
export type Settings = Partial<Record<Flag, string>>;

/** The same with where each comes from, for people: `--port`, `ROLLCALL_PORT`, `/etc/rollcall.toml:3`. */
export type Sourced = Partial<Record<Flag, { readonly text: string; readonly origin: string }>>;

/** The variable that names a settings file, as the flag `--config` does. */
export const configVariable = "ROLLCALL_CONFIG";

/** The name of the variable that stands for a flag. */
export function variableOf(flag: string): string {
  return `ROLLCALL_${flag.toUpperCase().replaceAll("-", "_")}`;
}
