import type { Registry } from "prom-client";
import { LeaseState } from "../domain/leases/lease.ts";
import { RunnerPhase, type RunnerProvider } from "../domain/runners/enums.ts";
import type { RunnerRegistry } from "../fleet/fleet.ts";
import { providerNames } from "./lease-metrics.ts";
import type { OfflineCount } from "./offline-count.ts";
import { countedElsewhere, gauge, plainGauge, type Sample } from "./series.ts";

/** What a live runner may say of itself. */
const phaseNames = [
  [RunnerPhase.ACTIVE, "active"],
  [RunnerPhase.DEGRADED, "degraded"],
  [RunnerPhase.DELETING, "deleting"],
] as const;

const offlineNames = [
  [LeaseState.NONE, "never_connected"],
  [LeaseState.LAPSED, "lapsed"],
  [LeaseState.SIGNED_OFF, "signed_off"],
  [LeaseState.REVOKED, "revoked"],
] as const;

/** How the fleet stands at a scrape. */
export function fleetMetrics(
  metrics: Registry,
  registry: Pick<RunnerRegistry, "counts" | "agentStreams">,
  offline: OfflineCount,
): void {
  gauge(
    {
      registry: metrics,
      name: "rollcall_runners_live",
      help: "Runners with a live lease, by the phase that they report.",
      labelNames: ["provider", "phase"],
    },
    () => {
      const { live } = registry.counts();
      return providerNames.flatMap(([number, provider]) =>
        phaseNames.map(([reported, phase]) => {
          const same = live.find((count) => count.provider === number && count.phase === reported);
          return [same?.runners ?? 0, { provider, phase }] as const;
        }),
      );
    },
  );
  gauge(
    {
      registry: metrics,
      name: "rollcall_runners_offline",
      help: "Runners without a live lease, by how that came, as far as it is on record.",
      labelNames: ["provider", "reason"],
    },
    async () => {
      const counts = await offline.current();
      return providerNames.flatMap(([number, provider]) =>
        offlineNames.map(([state, reason]): Sample<"provider" | "reason"> => {
          return [counts.get(number)?.byState.get(state) ?? 0, { provider, reason }];
        }),
      );
    },
  );
  const byProvider = (
    name: string,
    help: string,
    read: () => Promise<(provider: RunnerProvider) => number>,
  ) =>
    gauge({ registry: metrics, name, help, labelNames: ["provider"] }, async () => {
      const ofProvider = await read();
      return providerNames.map(([number, provider]) => [ofProvider(number), { provider }] as const);
    });
  byProvider(
    "rollcall_runners_stale",
    "Runners that have been offline for longer than --stale-after.",
    async () => {
      const counts = await offline.current();
      return (provider) => counts.get(provider)?.stale ?? 0;
    },
  );
  byProvider(
    "rollcall_runners_unreachable",
    "Lapsed runners that are held to be cut off with many others, not gone.",
    async () => {
      const { incidents } = registry.counts();
      return (provider) => incidents.find((incident) => incident.provider === provider)?.runners ?? 0;
    },
  );
  byProvider(
    "rollcall_lease_brake_engaged",
    "1 while many lapses of the provider's runners count as one incident.",
    async () => {
      const { incidents } = registry.counts();
      return (provider) => (incidents.some((incident) => incident.provider === provider) ? 1 : 0);
    },
  );
  const plain = (name: string, help: string, read: () => number) =>
    plainGauge({ registry: metrics, name, help }, read);
  plain(
    "rollcall_runners_winding_down",
    "Live runners that were asked to wind down.",
    () => registry.counts().windingDown,
  );
  plain(
    "rollcall_lease_interval_stretch_ratio",
    "Renewal interval in force over the normal one: above 1 while the server is overloaded.",
    () => registry.counts().stretchFactor,
  );
  plain(
    "rollcall_lease_transitions_unwritten",
    "Transitions of leases that are not on disk yet, failed ones that are tried again included.",
    () => registry.counts().unwritten,
  );
  plain(
    "rollcall_lapse_announcements_queue_length",
    "Runners of a mass lapse that watchers are still to be told of, at a bounded pace.",
    () => registry.counts().unannounced,
  );
  countedElsewhere(
    {
      registry: metrics,
      name: "rollcall_lease_renewals_total",
      help: "Renewals that were heard, those that were refused included.",
      labelNames: [],
    },
    () => [[registry.counts().renewals, {}]],
  );
}
