import type { MetricsConfiguration, RunnerSpec } from "./runner.ts";

type MetricsSwitches = Pick<MetricsConfiguration, "enabled" | "url" | "username" | "managedMetricsEnabled">;

/**
 * Whether a metrics message switches metrics off: no destination, nothing enabled. It reads back as unset. How
 * verbose they were to be does not matter then; in a change, each part must be said, since an absent one is kept.
 */
export function switchesMetricsOff(metrics: Partial<MetricsSwitches>): boolean {
  return (
    metrics.enabled === false &&
    metrics.url === "" &&
    metrics.username === "" &&
    metrics.managedMetricsEnabled === false
  );
}

/** Takes the password out of a spec, and the metrics message with it when nothing else is in it. */
export function hideMetricsPassword(spec: RunnerSpec): { spec: RunnerSpec; password: string } {
  const metrics = spec.configuration?.metrics;
  if (spec.configuration === undefined || metrics === undefined) return { spec, password: "" };
  const { metrics: _, ...rest } = spec.configuration;
  if (switchesMetricsOff(metrics) && metrics.password === "") {
    return { spec: { ...spec, configuration: rest }, password: "" };
  }
  const configuration = { ...rest, metrics: { ...metrics, password: "" } };
  return { spec: { ...spec, configuration }, password: metrics.password };
}
