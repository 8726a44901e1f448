import type { MetricsConfiguration, RunnerSpec } from "./runner.ts";

/** A metrics message that says nothing: how clients switch metrics off, and read back as unset. */
export function isEmptyMetrics(metrics: MetricsConfiguration): boolean {
  return (
    !metrics.enabled &&
    metrics.url === "" &&
    metrics.username === "" &&
    !metrics.managedMetricsEnabled &&
    !metrics.includeVerboseMetrics
  );
}

/** Takes the password out of a spec, and the metrics message with it when nothing else is in it. */
export function hideMetricsPassword(spec: RunnerSpec): { spec: RunnerSpec; password: string } {
  const metrics = spec.configuration?.metrics;
  if (spec.configuration === undefined || metrics === undefined) return { spec, password: "" };
  const { metrics: _, ...rest } = spec.configuration;
  if (isEmptyMetrics(metrics) && metrics.password === "") {
    return { spec: { ...spec, configuration: rest }, password: "" };
  }
  const configuration = { ...rest, metrics: { ...metrics, password: "" } };
  return { spec: { ...spec, configuration }, password: metrics.password };
}
