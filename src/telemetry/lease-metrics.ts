import type { Registry } from "prom-client";
import type { IncidentChange, LeaseListener, LeaseTransition } from "../domain/leases/events.ts";
import { RunnerProvider } from "../domain/runners/enums.ts";
import { type Count, counter, histogram, type Observations } from "./series.ts";

/** As the contract and the settings spell them. */
export const providerNames: readonly (readonly [RunnerProvider, string])[] = Object.entries(RunnerProvider)
  .filter(([, provider]) => provider !== RunnerProvider.UNSPECIFIED)
  .map(([name, provider]) => [provider, name]);

const kinds = ["opened", "returned", "phase", "lapsed", "signed_off", "revoked", "wind_down_over"] as const;

/** Seconds. The target is one second (docs/decisions/leases.md). */
const delays = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

interface ProviderSeries {
  readonly transitions: Readonly<Record<LeaseTransition["kind"], Count>>;
  readonly incidents: Count;
}

/** Counts what happens to leases. A mass lapse tells it of each one, so it must be quick. */
export class LeaseMetrics implements LeaseListener {
  readonly #providers: ReadonlyMap<RunnerProvider, ProviderSeries>;
  readonly #delay: Observations;
  readonly #stalls: Count;
  readonly #stalled: Count;

  constructor(registry: Registry) {
    const transition = counter({
      registry,
      name: "rollcall_lease_transitions_total",
      help: "Changes of leases that others see: kind is opened, returned, phase, lapsed, signed_off, revoked or wind_down_over.",
      labelNames: ["provider", "kind"],
    });
    const incidents = counter({
      registry,
      name: "rollcall_mass_lapses_total",
      help: "Times that the brake took many lapses of one provider for one incident.",
      labelNames: ["provider"],
    });
    // All from the beginning: a rate sees nothing of a series that appears with its first event.
    this.#providers = new Map(
      providerNames.map(([number, provider]) => {
        const transitions = Object.fromEntries(kinds.map((kind) => [kind, transition({ provider, kind })]));
        return [
          number,
          {
            transitions: transitions as ProviderSeries["transitions"],
            incidents: incidents({ provider }),
          },
        ];
      }),
    );
    this.#delay = histogram(
      {
        registry,
        name: "rollcall_lease_detection_delay_seconds",
        help: "From the deadline of a lease until the server found that it had lapsed.",
        labelNames: [],
      },
      delays,
    )({});
    const unlabelled = (name: string, help: string) => counter({ registry, name, help, labelNames: [] })({});
    this.#stalls = unlabelled(
      "rollcall_stalls_total",
      "Times that the server did not look at its leases for too long.",
    );
    this.#stalled = unlabelled("rollcall_stalled_seconds_total", "How long those stalls lasted in all.");
  }

  transition(transition: LeaseTransition): void {
    const series = this.#providers.get(transition.provider);
    if (series !== undefined) series.transitions[transition.kind].value += 1;
    if (transition.kind === "lapsed") this.#delay.observe(transition.lateMs / 1000);
  }

  incident({ kind, incident }: IncidentChange): void {
    const series = this.#providers.get(incident.provider);
    if (kind === "tripped" && series !== undefined) series.incidents.value += 1;
  }

  stalled(ms: number): void {
    this.#stalls.value += 1;
    this.#stalled.value += ms / 1000;
  }
}
