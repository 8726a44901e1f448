import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import type { Logger } from "pino";

type Export = SpanExporter["export"];

/** `ExportResultCode.SUCCESS` of @opentelemetry/core. */
const success = 0;

/** Says once that traces cannot be sent, and once that they can again: not with every batch. */
export class QuietExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #log: Logger;
  #failing = false;

  constructor(exporter: SpanExporter, log: Logger) {
    this.#exporter = exporter;
    this.#log = log;
  }

  export(spans: ReadableSpan[], done: Parameters<Export>[1]): void {
    this.#exporter.export(spans, (result) => {
      const failed = result.code !== success;
      if (failed && !this.#failing) {
        this.#log.warn({ err: result.error }, "traces cannot be sent, and are dropped until they can");
      } else if (!failed && this.#failing) {
        this.#log.info("traces are sent again");
      }
      this.#failing = failed;
      done(result);
    });
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.();
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }
}
