import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LeaseTransition } from "../../../src/domain/leases/events.ts";
import { LeaseState } from "../../../src/domain/leases/lease.ts";
import { RunnerPhase, RunnerProvider } from "../../../src/domain/runners/enums.ts";
import { Bench, facts, id, liveFacts, SECOND } from "./fixture.ts";

const providers = [RunnerProvider.AWS_EC2, RunnerProvider.GCP];
const phases = [RunnerPhase.ACTIVE, RunnerPhase.DEGRADED, RunnerPhase.DELETING] as const;
const runners = 8;

type Step =
  | { readonly do: "renew"; readonly n: number; readonly fresh: boolean; readonly phase: number | undefined }
  | { readonly do: "signOff" | "revoke" | "forget" | "windDown"; readonly n: number }
  | { readonly do: "wait"; readonly seconds: number };

const n = fc.nat(runners - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("renew" as const),
      n,
      fresh: fc.boolean(),
      phase: fc.option(fc.nat(phases.length - 1), { nil: undefined }),
    }),
  },
  fc.record({ do: fc.constantFrom("signOff" as const, "revoke", "forget", "windDown"), n }),
  fc.record({ do: fc.constant("wait" as const), seconds: fc.integer({ min: 1, max: 60 }) }),
);

function take(bench: Bench, taken: Step): void {
  if (taken.do === "wait") {
    bench.run(taken.seconds * SECOND);
    return;
  }
  const runnerId = id(taken.n);
  bench.engine.admit(facts(taken.n, { provider: providers[taken.n % 2] ?? RunnerProvider.GCP }));
  const generation = bench.engine.view(runnerId)?.generation ?? 0;
  if (taken.do === "renew") {
    const phase = taken.phase === undefined ? undefined : phases[taken.phase];
    bench.engine.renew(runnerId, { generation: taken.fresh ? 0 : generation, appliedSpecRevision: 0, phase });
  } else if (taken.do === "signOff") {
    bench.engine.signOff(runnerId, generation);
  } else {
    bench.engine[taken.do](runnerId);
  }
}

/** Counted one by one. */
function counted(bench: Bench): Record<string, number> {
  const found: Record<string, number> = {};
  for (let at = 0; at < runners; at += 1) {
    const view = bench.engine.view(id(at));
    if (view?.state !== LeaseState.LIVE) continue;
    const key = `${providers[at % 2]} ${view.phase}`;
    found[key] = (found[key] ?? 0) + 1;
  }
  return found;
}

describe("the counts of live runners", () => {
  test("are what counting them one by one finds, whatever happened", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const bench = new Bench();
        bench.engine.restore([0, 1].map((at) => liveFacts(at, { provider: providers[at] ?? 0 })));
        for (const taken of steps) {
          take(bench, taken);
          const counts = bench.engine.counts().live.filter((count) => count.runners > 0);
          const seen = counts.map((count) => [`${count.provider} ${count.phase}`, count.runners]);
          expect(Object.fromEntries(seen)).toEqual(counted(bench));
        }
      }),
    );
  });

  test("come with the incidents that last, and with who winds down", () => {
    const bench = new Bench();
    for (let at = 0; at < 40; at += 1) bench.open(at);
    bench.engine.windDown(id(39));
    expect(bench.engine.counts()).toMatchObject({ incidents: [], windingDown: 1 });
    bench.run(30 * SECOND);
    for (let at = 20; at < 40; at += 1) bench.renew(at, 1);
    bench.run(15 * SECOND);
    expect(bench.engine.counts().incidents).toEqual([{ provider: RunnerProvider.AWS_EC2, runners: 20 }]);
    for (let at = 0; at < 20; at += 1) bench.renew(at, 1);
    bench.engine.tick();
    expect(bench.engine.counts().incidents).toEqual([]);
  });
});

test("a lapse says how long after its deadline it was found", () => {
  const bench = new Bench();
  bench.open(1);
  const late = () =>
    bench.transitions.flatMap((t: LeaseTransition) => (t.kind === "lapsed" ? [Math.round(t.lateMs)] : []));
  bench.run(44 * SECOND);
  expect(late()).toEqual([]);
  bench.clock.pass(1_000 + 250);
  bench.engine.tick();
  expect(late()).toEqual([250]);
});
