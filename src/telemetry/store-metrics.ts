import type { Registry } from "prom-client";
import type { Store } from "../store/store.ts";
import { gauge, histogram, type Observations, plainGauge, type Sample } from "./series.ts";

const batches = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/** Seconds. */
const durations = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** Counts what the store does. */
export class StoreMetrics {
  readonly #registry: Registry;
  readonly #writes: Observations;
  readonly #seconds: Observations;
  #refusing = false;

  constructor(registry: Registry) {
    this.#registry = registry;
    const unlabelled = (name: string, help: string, buckets: readonly number[]) =>
      histogram({ registry, name, help, labelNames: [] }, buckets)({});
    this.#writes = unlabelled("rollcall_store_commit_writes", "Writes that shared one commit.", batches);
    this.#seconds = unlabelled(
      "rollcall_store_commit_duration_seconds",
      "How long commits took, their writes and the disk's part together.",
      durations,
    );
    plainGauge(
      {
        registry,
        name: "rollcall_store_refusing_writes",
        help: "1 since the disk refused a write, until one has got through again.",
      },
      () => (this.#refusing ? 1 : 0),
    );
  }

  committed(writes: number, seconds: number): void {
    this.#writes.observe(writes);
    this.#seconds.observe(seconds);
  }

  refusing(refusing: boolean): void {
    this.#refusing = refusing;
  }

  /** Shows what the store tells of itself, from now on. */
  show(store: Pick<Store, "vitals">): void {
    const registry = this.#registry;
    gauge(
      {
        registry,
        name: "rollcall_store_commit_queue_length",
        help: "Writes that wait for their commit.",
        labelNames: [],
      },
      async () => [[(await store.vitals()).waiting, {}]],
    );
    gauge(
      {
        registry,
        name: "rollcall_store_size_bytes",
        help: "Size of the database, and of the log of what was written since it was last folded into it.",
        labelNames: ["part"],
      },
      async (): Promise<Sample<"part">[]> => {
        const { databaseBytes, logBytes } = await store.vitals();
        return [
          [databaseBytes, { part: "database" }],
          [logBytes, { part: "log" }],
        ];
      },
    );
    gauge(
      {
        registry,
        name: "rollcall_store_disk_available_bytes",
        help: "What the server may still use of the disk that the database is on.",
        labelNames: [],
      },
      async (): Promise<Sample<never>[]> => {
        const { availableBytes } = await store.vitals();
        return availableBytes === null ? [] : [[availableBytes, {}]];
      },
    );
  }
}
