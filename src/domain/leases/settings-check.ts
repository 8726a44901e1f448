import { DomainError, type FieldViolation } from "../errors.ts";
import { RunnerProvider } from "../runners/enums.ts";
import { defaultLeaseSettings, type LeaseSettings, type LeaseTiming } from "./settings.ts";

/** Settings of which any part may be left out, at every level. */
export type LeaseSettingsInput = {
  readonly [K in keyof LeaseSettings]?: LeaseSettings[K] extends object
    ? Partial<LeaseSettings[K]>
    : LeaseSettings[K];
};

const HOUR_MS = 3_600_000;
const YEARS_10_MS = 10 * 365 * 24 * HOUR_MS;

/**
 * Fills in the defaults and checks every bound.
 * @throws DomainError `invalid` that names every wrong setting, its value and what is allowed
 */
export function parseLeaseSettings(input: LeaseSettingsInput = {}): LeaseSettings {
  const d = defaultLeaseSettings;
  const settings: LeaseSettings = {
    timing: { ...d.timing, ...input.timing },
    perProvider: { ...input.perProvider },
    stretch: { ...d.stretch, ...input.stretch },
    stall: { ...d.stall, ...input.stall },
    restart: { ...d.restart, ...input.restart },
    brake: { ...d.brake, ...input.brake },
    cleanup: { ...d.cleanup, ...input.cleanup },
    statusEventsPerMinute: input.statusEventsPerMinute ?? d.statusEventsPerMinute,
    windDownMs: input.windDownMs ?? d.windDownMs,
    unusedTokenHintMs: input.unusedTokenHintMs ?? d.unusedTokenHintMs,
  };
  const violations = checkLeaseSettings(settings);
  if (violations.length > 0) {
    const lines = violations.map((v) => `${v.field}: ${v.message}`).join("; ");
    throw new DomainError("invalid", `lease settings: ${lines}`, { violations });
  }
  return settings;
}

/** Every bound that complete settings break; empty when they are sound. */
export function checkLeaseSettings(settings: LeaseSettings): readonly FieldViolation[] {
  const violations: FieldViolation[] = [];
  const check: Check = (field, value, low, high, integer = true) => {
    if (Number.isFinite(value) && value >= low && value <= high && (!integer || Number.isInteger(value)))
      return;
    const shape = integer ? "a whole number" : "a number";
    violations.push({
      field: `leases.${field}`,
      rule: "lease.settings.range",
      message: `must be ${shape} from ${low} to ${high}, is ${value}`,
    });
  };
  checkTimings(settings, check, violations);
  const { stretch, stall, restart, brake, cleanup } = settings;
  check("stretch.cap", stretch.cap, 1, 10, false);
  check("stretch.loopDelayMs", stretch.loopDelayMs, 10, 10_000);
  check("stretch.renewalsPerSecond", stretch.renewalsPerSecond, 0, 1_000_000);
  check("stretch.raiseAfter", stretch.raiseAfter, 1, 100);
  check("stretch.lowerAfter", stretch.lowerAfter, 1, 1_000);
  check("stall.tickMs", stall.tickMs, 10, 5_000);
  check("stall.thresholdMs", stall.thresholdMs, 2 * stall.tickMs, 60_000);
  check("stall.marginMs", stall.marginMs, 0, 60_000);
  check("stall.maxPostponements", stall.maxPostponements, 0, 10);
  check("restart.marginMs", restart.marginMs, 0, 600_000);
  check("restart.maxUnheard", restart.maxUnheard, 1, 1_000);
  check("brake.percent", brake.percent, 1, 100);
  check("brake.minLive", brake.minLive, 1, 1_000_000);
  check("brake.maxIncidentMs", brake.maxIncidentMs, 60_000, 30 * 24 * HOUR_MS);
  check("brake.eventsPerSecond", brake.eventsPerSecond, 1, 10_000);
  check("statusEventsPerMinute", settings.statusEventsPerMinute, 1, 60_000);
  check("cleanup.staleAfterMs", cleanup.staleAfterMs, HOUR_MS, YEARS_10_MS);
  if (cleanup.removeAfterMs !== null)
    check("cleanup.removeAfterMs", cleanup.removeAfterMs, HOUR_MS, YEARS_10_MS);
  check("cleanup.minUptimeMs", cleanup.minUptimeMs, 60_000, 7 * 24 * HOUR_MS);
  check("cleanup.clockMarginMs", cleanup.clockMarginMs, 1_000, 24 * HOUR_MS);
  // Clients that delete a runner give up after two minutes.
  check("windDownMs", settings.windDownMs, 1_000, 110_000);
  check("unusedTokenHintMs", settings.unusedTokenHintMs, 1_000, 24 * HOUR_MS);
  return violations;
}

type Check = (field: string, value: number, low: number, high: number, integer?: boolean) => void;

const KNOWN_PROVIDERS: ReadonlySet<number> = new Set(
  Object.values(RunnerProvider).filter((provider) => provider !== RunnerProvider.UNSPECIFIED),
);

function checkTimings(settings: LeaseSettings, check: Check, violations: FieldViolation[]): void {
  const one = (field: string, timing: LeaseTiming): void => {
    check(`${field}.intervalMs`, timing.intervalMs, 1_000, HOUR_MS);
    check(`${field}.graceMs`, timing.graceMs, 500, HOUR_MS);
  };
  one("timing", settings.timing);
  for (const [key, timing] of Object.entries(settings.perProvider)) {
    if (!KNOWN_PROVIDERS.has(Number(key))) {
      violations.push({
        field: `leases.perProvider.${key}`,
        rule: "lease.settings.provider",
        message: "no such provider",
      });
      continue;
    }
    one(`perProvider.${key}`, { ...settings.timing, ...timing });
  }
}
