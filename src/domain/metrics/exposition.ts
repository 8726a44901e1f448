/** A label and its value. */
export type Label = readonly [name: string, value: string];

/** One value of one time series, as a runner reported it. Names keep to the grammar of Prometheus. */
export interface MetricSample {
  readonly name: string;
  readonly labels: readonly Label[];
  readonly value: number;
  /** Wall-clock milliseconds since the Unix epoch; null: at the time of the scrape. */
  readonly timeMs: number | null;
  readonly type: "counter" | "gauge" | "untyped";
}

/** What a runner reported under one name, rendered but for the labels that the server adds. */
export interface RenderedFamily {
  readonly name: string;
  readonly type: MetricSample["type"];
  /** What follows the server's labels: `,own="label"} value time`. */
  readonly tails: readonly string[];
}

/** Renders a report once, so that a scrape only has to join text. Of two samples of one series the later counts. */
export function renderSamples(samples: readonly MetricSample[]): readonly RenderedFamily[] {
  const families = new Map<string, { type: MetricSample["type"]; series: Map<string, string> }>();
  for (const { name, type, labels, value, timeMs } of samples) {
    let family = families.get(name);
    if (family === undefined) {
      family = { type, series: new Map() };
      families.set(name, family);
    }
    const own = labelText(labels);
    const time = timeMs === null ? "" : ` ${timeMs}`;
    family.series.set(own, `${own === "" ? "" : `,${own}`}} ${valueText(value)}${time}`);
  }
  return Array.from(families, ([name, { type, series }]) => ({ name, type, tails: [...series.values()] }));
}

/**
 * The Prometheus text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats): all samples of
 * a name stand together under one `# TYPE` line, as it asks for; the first runner to use a name decides its type.
 */
export class Exposition {
  readonly #families = new Map<string, string>();

  /** @param labels what the server adds to each sample; not empty */
  add(labels: readonly Label[], families: readonly RenderedFamily[]): void {
    const added = labelText(labels);
    for (const { name, type, tails } of families) {
      let text = this.#families.get(name) ?? `# TYPE ${name} ${type}\n`;
      for (const tail of tails) text += `${name}{${added}${tail}\n`;
      this.#families.set(name, text);
    }
  }

  text(): string {
    return [...this.#families.values()].join("");
  }
}

function labelText(labels: readonly Label[]): string {
  return labels
    .filter(([, value]) => value !== "")
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(",");
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function valueText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return String(value);
}
