import { Command } from "commander";
import type { StaleRunner } from "../domain/leases/cleanup.ts";
import { allOffline, type OfflineRecord, planStale } from "../fleet/cleanup.ts";
import { systemClock } from "../lib/clock.ts";
import { printableJson } from "../lib/printable.ts";
import { databaseFile } from "../start/data-dir.ts";
import { openStore } from "../start/open-store.ts";
import { addSettings, outputOption, readConfig } from "./settings.ts";
import { asTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const about = `
A dry run of the clean-up: it changes nothing. The server removes stale runners only when --remove-stale-after
(ROLLCALL_REMOVE_STALE_AFTER) is set; give the same flags or the same settings file here to see what it would do.

Examples:
  rollcall stale
  rollcall stale --remove-stale-after 7 --output json
`;

/** `rollcall stale`: which runners have been offline for long, and when each would be removed. */
export function staleCommand(terminal: Terminal): Command {
  return addSettings(
    new Command("stale").description("list runners that have been offline for long, with a countdown"),
    ["data-dir", "stale-after", "remove-stale-after"],
  )
    .addOption(outputOption())
    .addHelpText("after", about)
    .action(async (options: Record<string, string>) => {
      const { dataDir, leases } = readConfig(options, terminal);
      const store = openStore(databaseFile(dataDir), "reader");
      try {
        const nowMs = systemClock.now();
        const offline = await allOffline(store.leases, nowMs - leases.cleanup.staleAfterMs);
        // The server alone knows of a mass lapse and of its own age; both only ever delay a removal.
        const conditions = { nowMs, uptimeMs: Number.POSITIVE_INFINITY, clockDriftMs: 0 };
        const { stale } = planStale(offline, leases, () => false, conditions);
        const names = new Map(offline.map((runner) => [runner.id, runner]));
        terminal.print(options.output === "json" ? printableJson(stale) : table(stale, names));
      } finally {
        await store.close();
      }
    });
}

function table(stale: readonly StaleRunner[], runners: ReadonlyMap<string, OfflineRecord>): string {
  const rows = stale.map(({ runnerId, offlineSinceMs, removeInMs, held }) => [
    runnerId,
    new Date(offlineSinceMs).toISOString(),
    held ?? countdown(removeInMs),
    runners.get(runnerId)?.name ?? "",
  ]);
  return asTable(["ID", "OFFLINE SINCE", "REMOVAL", "NAME"], rows);
}

function countdown(ms: number | null): string {
  if (ms === null) return "off";
  const hours = Math.ceil(ms / 3_600_000);
  return hours === 0 ? "due" : `in ${Math.floor(hours / 24)}d ${hours % 24}h`;
}
