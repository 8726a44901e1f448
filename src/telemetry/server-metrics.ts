import { Registry } from "prom-client";
import type { LeaseSettings } from "../domain/leases/settings.ts";
import type { CallLimits, LimitedBy } from "../domain/limits/call-limits.ts";
import { type Overload, steps } from "../domain/limits/overload.ts";
import type { EventHub } from "../events/hub.ts";
import type { RunnerRegistry } from "../fleet/fleet.ts";
import type { Questions } from "../fleet/questions.ts";
import type { Clock } from "../lib/clock.ts";
import type { Store } from "../store/store.ts";
import { CallMetrics } from "./call-metrics.ts";
import { fleetMetrics } from "./fleet-metrics.ts";
import { LeaseMetrics } from "./lease-metrics.ts";
import { OfflineCount } from "./offline-count.ts";
import { QuestionMetrics } from "./question-metrics.ts";
import { countedElsewhere, gauge, plainGauge } from "./series.ts";
import { StoreMetrics } from "./store-metrics.ts";

const limitedBy: readonly LimitedBy[] = ["token", "address"];
const shedUrgencies = ["read", "change"] as const;

/** The parts of a server that are read at a scrape. */
export interface MetricSources {
  readonly registry: RunnerRegistry;
  readonly questions: Pick<Questions<never, never>, "size">;
  readonly hub: EventHub;
  readonly store: Store;
  readonly callLimits: CallLimits;
  readonly overload: Overload;
  readonly clock: Clock;
  readonly settings: LeaseSettings;
  /** Connections that may be open at once. */
  readonly maxConnections: number;
  /** Connections that are open now. */
  readonly connections: () => number;
  /** Closed to make room for others. */
  readonly displaced: () => number;
}

/** The metrics of one server. docs/operations/metrics.md says what each means and what to do about it. */
export class ServerMetrics {
  readonly #registry = new Registry();
  readonly calls = new CallMetrics(this.#registry);
  readonly leases = new LeaseMetrics(this.#registry);
  readonly store = new StoreMetrics(this.#registry);
  readonly questions = new QuestionMetrics(this.#registry);
  readonly #processMetrics: () => Promise<string>;

  /** @param processMetrics more of the same format, of the process that the server runs in */
  constructor(version: string, processMetrics: () => Promise<string> = async () => "") {
    this.#processMetrics = processMetrics;
    gauge(
      {
        registry: this.#registry,
        name: "rollcall_build_info",
        help: "1, with the version that runs.",
        labelNames: ["version"],
      },
      () => [[1, { version }]],
    );
  }

  /** Shows how these parts stand, from now on. */
  show(sources: MetricSources): void {
    const {
      registry,
      questions,
      hub,
      store,
      callLimits,
      overload,
      clock,
      settings,
      maxConnections,
      connections,
      displaced,
    } = sources;
    const { staleAfterMs } = settings.cleanup;
    fleetMetrics(this.#registry, registry, new OfflineCount({ leases: store.leases, clock, staleAfterMs }));
    this.store.show(store);
    this.questions.show(questions);
    gauge(
      {
        registry: this.#registry,
        name: "rollcall_watchers",
        help: "Open streams of runners that wait for news, and of clients that wait for events.",
        labelNames: ["kind"],
      },
      () => [
        [registry.agentStreams.size, { kind: "runner" }],
        [hub.size, { kind: "events" }],
      ],
    );
    const plain = (name: string, help: string, read: () => number) =>
      plainGauge({ registry: this.#registry, name, help }, read);
    plain("rollcall_connections", "Open connections.", connections);
    plain(
      "rollcall_connections_limit",
      "How many connections may be open at once (--max-connections).",
      () => maxConnections,
    );
    countedElsewhere(
      {
        registry: this.#registry,
        name: "rollcall_displaced_connections_total",
        help: "Connections without a valid token that were closed to make room for others.",
        labelNames: [],
      },
      () => [[displaced(), {}]],
    );
    countedElsewhere(
      {
        registry: this.#registry,
        name: "rollcall_rate_limited_calls_total",
        help: "Calls that were refused because there were too many of one token or one address.",
        labelNames: ["by"],
      },
      () => limitedBy.map((by) => [callLimits.refused[by], { by }]),
    );
    plain(
      "rollcall_shedding_step",
      "How much is refused for load: 0 is nothing, 4 is all but renewals.",
      () => steps.indexOf(overload.step),
    );
    countedElsewhere(
      {
        registry: this.#registry,
        name: "rollcall_shed_calls_total",
        help: "Calls that were refused because the server had more to do than it can.",
        labelNames: ["urgency"],
      },
      () => shedUrgencies.map((urgency) => [overload.refused[urgency], { urgency }]),
    );
  }

  /** Everything, in the text format of Prometheus, version 0.0.4. */
  async text(): Promise<string> {
    return (await this.#registry.metrics()) + (await this.#processMetrics());
  }
}
