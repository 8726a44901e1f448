import { collectDefaultMetrics, Registry } from "prom-client";

/**
 * Measures the process from now on: CPU, memory, files, garbage collection, the delay of the event loop. To be called
 * once in a process, by whoever owns it: what it starts can never be stopped.
 * @returns the metrics as they are, under the names that prom-client gives them in every program
 */
export function processMetrics(): () => Promise<string> {
  const register = new Registry();
  collectDefaultMetrics({ register });
  // Sums of what is there by type, under names that by Prometheus's conventions only counters have.
  for (const what of ["handles", "requests", "resources"]) {
    register.removeSingleMetric(`nodejs_active_${what}_total`);
  }
  return () => register.metrics();
}
