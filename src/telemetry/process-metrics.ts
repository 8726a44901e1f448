import { collectDefaultMetrics, Registry } from "prom-client";
import type { LineSink } from "../lib/line-sink.ts";
import { countedElsewhere } from "./series.ts";

/**
 * Measures the process from now on: CPU, memory, files, garbage collection, the delay of the event loop. To be called
 * once in a process, by the program that owns it: what it starts can never be stopped.
 * @param log where its log goes
 * @returns the metrics as they are, under the names that prom-client gives them in every program, and of the log
 */
export function processMetrics(log: LineSink): () => Promise<string> {
  const register = new Registry();
  countedElsewhere(
    {
      registry: register,
      name: "rollcall_log_lines_lost_total",
      help: "Log lines that standard error did not take.",
      labelNames: [],
    },
    () => [[log.lost, {}]],
  );
  collectDefaultMetrics({ register });
  // Sums of what is there by type, under names that by Prometheus's conventions only counters have.
  for (const what of ["handles", "requests", "resources"]) {
    register.removeSingleMetric(`nodejs_active_${what}_total`);
  }
  return () => register.metrics();
}
