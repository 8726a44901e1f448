import type { Logger } from "pino";
import { createLog } from "../../src/telemetry/logger.ts";

/** A server's log in memory. */
export interface CapturedLog {
  readonly log: Logger;
  /** Everything that was logged, as it would have gone to standard error. */
  text(): string;
  /** One object a line. */
  lines(): Record<string, unknown>[];
}

/** The real log at its most talkative level, kept in memory. */
export function capturedLog(): CapturedLog {
  let text = "";
  const write = (chunk: string) => {
    text += chunk;
  };
  return {
    log: createLog("debug", false, { write }),
    text: () => text,
    lines: () =>
      text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line)),
  };
}
