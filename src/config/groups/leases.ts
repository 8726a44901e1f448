import { defaultLeaseSettings, type LeaseSettings, type LeaseTiming } from "../../domain/leases/settings.ts";
import { RunnerProvider } from "../../domain/runners/enums.ts";
import { shortened } from "../../lib/shortened.ts";
import { count, duration, list, percent } from "../kinds.ts";
import { group, type Wrong } from "../setting.ts";

const { timing, brake, cleanup } = defaultLeaseSettings;

export const leases = group(
  { title: "Runners and their leases" },
  {
    leases: {
      ...defaultLeaseSettings,
      timing: {
        intervalMs: duration("renew-interval", "seconds", {
          help: "how often runners renew",
          from: 1,
          to: 3600,
          default: timing.intervalMs,
        }),
        graceMs: duration("renew-grace", "seconds", {
          help: "how long after a missed renewal a lease lapses",
          from: 1,
          to: 3600,
          default: timing.graceMs,
        }),
      },
      perProvider: list("provider-timing", {
        help: "where a provider differs, as NAME=INTERVAL/GRACE in seconds: AWS_EC2=60/30,GCP=20/10",
        read: providerTimings,
      }),
      cleanup: {
        ...cleanup,
        staleAfterMs: duration("stale-after", "days", {
          help: "offline for so long is listed as stale",
          from: 1,
          to: 3650,
          default: cleanup.staleAfterMs,
        }),
        removeAfterMs: duration("remove-stale-after", "days", {
          help: "stale runners are removed after so many days more",
          from: 1,
          to: 3650,
          default: cleanup.removeAfterMs,
          unless: "never",
        }),
      },
      brake: {
        ...brake,
        percent: percent("brake-percent", {
          help: "more of a provider's runners lapsing at once is one incident, not many lapses",
          from: 1,
          to: 100,
          default: brake.percent,
        }),
        minLive: count("brake-min-runners", {
          help: "the brake needs so many live runners",
          from: 1,
          to: 1_000_000,
          default: brake.minLive,
        }),
      },
      statusEventsPerMinute: count("max-status-events", {
        help: "events of one runner's status in a minute; of more changes the last is told",
        from: 1,
        to: 60_000,
        default: defaultLeaseSettings.statusEventsPerMinute,
      }),
    },
  },
);

function providerTimings(entries: readonly string[], wrong: Wrong): LeaseSettings["perProvider"] {
  const timings: Partial<Record<RunnerProvider, LeaseTiming>> = {};
  for (const entry of entries) {
    const [, name = "", interval, grace] = /^(\w+)=(\d+)\/(\d+)$/.exec(entry) ?? [];
    const provider = Object.entries(RunnerProvider).find(([known]) => known === name)?.[1];
    if (provider === undefined || provider === RunnerProvider.UNSPECIFIED) {
      const known = Object.keys(RunnerProvider).slice(1).join(", ");
      wrong(`"${shortened(entry)}" is not NAME=INTERVAL/GRACE with a NAME of ${known}`);
    } else if ([interval, grace].some((seconds) => Number(seconds) < 1 || Number(seconds) > 3600)) {
      wrong(`"${shortened(entry)}" must have whole numbers of seconds from 1 to 3600`);
    } else {
      timings[provider] = { intervalMs: Number(interval) * 1000, graceMs: Number(grace) * 1000 };
    }
  }
  return timings;
}
