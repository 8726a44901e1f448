import fc from "fast-check";
import { expect, test } from "vitest";
import { type LongestLease, LongestLeases } from "../../../src/domain/leases/longest-leases.ts";
import { RunnerProvider } from "../../../src/domain/runners/enums.ts";

const provider = RunnerProvider.GCP;
const usual = 45_000;
const longest = 165_000;
const step = fc.record({
  /** Milliseconds since the step before. */
  after: fc.integer({ min: 0, max: 60_000 }),
  leaseMs: fc.constantFrom(usual, 60_000, 75_000, 105_000, longest),
  does: fc.constantFrom("grants", "grants", "grants", "is refused by the disk", "dies and starts again"),
});

test("what the next run finds is as long as every lease that runs, and the usual length again once all is calm", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let now = 0;
      let disk: readonly LongestLease[] = [];
      let leases = new LongestLeases(disk, now);
      let running: { readonly leaseMs: number; readonly until: number }[] = [];
      let before = 0;
      const found = () => disk[0]?.leaseMs ?? 0;
      const save = () => {
        const unsaved = leases.unsaved();
        if (unsaved.length > 0) disk = unsaved;
        leases.saved(unsaved);
        expect(leases.unsaved()).toEqual([]);
      };
      for (const { after, leaseMs, does } of steps) {
        now += after;
        // The last one of the length before was granted just now.
        if (before > 0) running.push({ leaseMs: before, until: now + before });
        before = leaseMs;
        leases.grant(provider, leaseMs, now);
        running.push({ leaseMs, until: now + leaseMs });
        running = running.filter(({ until }) => until > now);
        // What is granted meanwhile counts as well, once the disk takes it.
        if (does === "is refused by the disk") continue;
        save();
        for (const lease of running) expect(found()).toBeGreaterThanOrEqual(lease.leaseMs);
        if (does === "grants") continue;
        leases = new LongestLeases(disk, now);
        running = [{ leaseMs: found(), until: now + found() }];
        before = 0;
      }
      leases.grant(provider, usual, now);
      leases.grant(provider, usual, now + longest);
      save();
      expect(found()).toBe(usual);
    }),
  );
});
