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

/** Samples with the labels that the server adds to each. */
export interface SampleGroup {
  readonly labels: readonly Label[];
  readonly samples: readonly MetricSample[];
}

/**
 * The Prometheus text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats): all samples of
 * a name stand together under one `# TYPE` line, as it asks for; the first sample of a name decides its type.
 */
export function exposition(groups: Iterable<SampleGroup>): string {
  const families = new Map<string, { type: string; lines: Map<string, string> }>();
  for (const group of groups) {
    for (const sample of group.samples) {
      let family = families.get(sample.name);
      if (family === undefined) {
        family = { type: sample.type, lines: new Map() };
        families.set(sample.name, family);
      }
      const series = `${sample.name}{${labelText([...group.labels, ...sample.labels])}}`;
      const time = sample.timeMs === null ? "" : ` ${sample.timeMs}`;
      family.lines.set(series, `${series} ${valueText(sample.value)}${time}`);
    }
  }
  let text = "";
  for (const [name, { type, lines }] of families) {
    text += `# TYPE ${name} ${type}\n`;
    for (const line of lines.values()) text += `${line}\n`;
  }
  return text;
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
