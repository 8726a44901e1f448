import { Counter, Gauge, type Histogram, type Registry } from "prom-client";

// What is counted at every call is counted here, and handed to prom-client at a scrape. Its own children
// put their labels together at each step: 0.4 µs for a counter and 0.65 µs for a histogram, where a call in all
// should cost some tens (docs/decisions/telemetry.md).

export type Labels<L extends string> = Readonly<Record<L, string>>;

/** Name and meaning of a metric; docs/operations/metrics.md is their table. */
export interface Metric<L extends string> {
  readonly registry: Registry;
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly L[];
}

/** One series of a counter: to be added to. */
export interface Count {
  value: number;
}

/** A counter. @returns what makes its series, once for each set of labels */
export function counter<L extends string>(metric: Metric<L>): (labels: Labels<L>) => Count {
  const series: (Count & { readonly labels: Labels<L> })[] = [];
  countedElsewhere(metric, () => series.map(({ value, labels }) => [value, labels]));
  return (labels) => {
    const one = { labels, value: 0 };
    series.push(one);
    return one;
  };
}

/** A value and the labels that it goes with. */
export type Sample<L extends string> = readonly [value: number, labels: Labels<L>];

/** A counter that is kept elsewhere, and read at a scrape. */
export function countedElsewhere<L extends string>(metric: Metric<L>, read: () => Iterable<Sample<L>>): void {
  const { registry, name, help, labelNames } = metric;
  new Counter<L>({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const [value, labels] of read()) this.inc(labels, value);
    },
  });
}

/** A gauge that is read at a scrape. */
export function gauge<L extends string>(
  metric: Metric<L>,
  read: () => Iterable<Sample<L>> | Promise<Iterable<Sample<L>>>,
): void {
  const { registry, name, help, labelNames } = metric;
  new Gauge<L>({
    name,
    help,
    labelNames,
    registers: [registry],
    async collect() {
      const samples = await read();
      this.reset();
      for (const [value, labels] of samples) this.set(labels, value);
    },
  });
}

/** A gauge without labels. */
export function plainGauge(metric: Omit<Metric<never>, "labelNames">, read: () => number): void {
  gauge({ ...metric, labelNames: [] }, () => [[read(), {}]]);
}

/** One series of a histogram: to be told values. */
export interface Observations {
  observe(value: number): void;
}

/**
 * A histogram.
 * @param buckets upper bounds, ascending; the first that fits is looked for from below, so most values should be small
 * @returns what makes its series, once for each set of labels
 */
export function histogram<L extends string>(
  metric: Metric<L>,
  buckets: readonly number[],
): (labels: Labels<L>) => Observations {
  const { registry, name, help } = metric;
  const series: Buckets<L>[] = [];
  const collected = {
    name,
    help,
    type: "histogram",
    aggregator: "sum",
    get: async () => ({ name, help, type: "histogram", values: series.flatMap((one) => one.samples(name)) }),
  };
  // All that a registry asks of a metric is its name, and what it holds.
  registry.registerMetric(collected as unknown as Histogram);
  return (labels) => {
    const one = new Buckets(labels, buckets);
    series.push(one);
    return one;
  };
}

class Buckets<L extends string> implements Observations {
  readonly #labels: Labels<L>;
  readonly #bounds: readonly number[];
  /** How many values are in each bucket and in none below; the last is without a bound. */
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(labels: Labels<L>, bounds: readonly number[]) {
    this.#labels = labels;
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let at = 0;
    while (value > (this.#bounds[at] ?? Number.POSITIVE_INFINITY)) at += 1;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += value;
  }

  samples(name: string) {
    let below = 0;
    const buckets = Array.from(this.#counts, (count, at) => {
      below += count;
      const labels = { ...this.#labels, le: String(this.#bounds[at] ?? "+Inf") };
      return { metricName: `${name}_bucket`, labels, value: below };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: this.#labels, value: this.#sum },
      { metricName: `${name}_count`, labels: this.#labels, value: below },
    ];
  }
}
