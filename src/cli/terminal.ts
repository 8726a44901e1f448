import type { LineSink } from "../lib/line-sink.ts";
import { printableLines } from "../lib/printable.ts";

/** What a command may know of the process around it. */
export interface Terminal {
  readonly environment: NodeJS.ProcessEnv;
  /** A line on standard output: what was asked for. */
  print(text: string): void;
  /** A line on standard error: everything else. */
  warn(text: string): void;
  /** Standard error itself, for a log beside those lines. */
  readonly errorOutput: LineSink;
  /** Whether a person reads standard error. */
  readonly isTerminal: boolean;
  /** Resolves to the name of the signal when the process is told to stop. */
  stopRequested(): Promise<string>;
  /** Calls back whenever the process is told to read its files again. */
  onReloadRequested(listener: () => void): void;
}

/** The same terminal, which is steered by nothing that is printed: not by names, paths or what a server answers. */
export function unsteered(terminal: Terminal): Terminal {
  return {
    ...terminal,
    print: (text) => terminal.print(printableLines(text)),
    warn: (text) => terminal.warn(printableLines(text)),
  };
}
