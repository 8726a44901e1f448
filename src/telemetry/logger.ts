import { type DestinationStream, type Logger, pino } from "pino";
import { prettyFactory } from "pino-pretty";
import type { LogLevel } from "../config/groups/common.ts";
import { LineSink } from "../lib/line-sink.ts";
import { printableLines } from "../lib/printable.ts";

/** Standard error: standard output carries the one line that scripts wait for. */
const standardError = 2;

/**
 * The log of a server or an agent: JSON lines, or readable ones for a terminal. Logging never waits and never fails.
 * @param destination standard error unless told; tests read it elsewhere
 */
export function createLog(
  level: LogLevel,
  terminal: boolean,
  destination: DestinationStream | LineSink = new LineSink(standardError),
): Logger {
  const stream = terminal ? readable(destination) : destination;
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
  if (destination instanceof LineSink) {
    destination.onRecovered((lost) =>
      log.warn({ lost }, "log lines were lost: the output did not take them"),
    );
  }
  return log;
}

function readable(destination: DestinationStream): DestinationStream {
  const prettify = prettyFactory({ ignore: "pid,hostname" });
  // JSON escapes what would steer a terminal, and reading it takes the escapes away.
  const shown = (_name: string, value: unknown) =>
    typeof value === "string" ? printableLines(value) : value;
  return { write: (line) => destination.write(prettify(JSON.parse(line, shown))) };
}
