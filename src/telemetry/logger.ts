import { type DestinationStream, type Logger, pino } from "pino";
import pretty from "pino-pretty";
import type { LogLevel } from "../config/settings-table.ts";

/** Standard error: standard output carries the one line that scripts wait for. */
const standardError = 2;

/**
 * The server's log: JSON lines on standard error, or readable ones when that is a terminal.
 * @param destination where tests read it.
 */
export function createLog(level: LogLevel, terminal: boolean, destination?: DestinationStream): Logger {
  const stream = terminal
    ? pretty({ destination: standardError, sync: true, ignore: "pid,hostname" })
    : pino.destination({ dest: standardError, sync: true });
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination ?? stream);
}
