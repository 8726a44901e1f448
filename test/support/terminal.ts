import type { Terminal } from "../../src/cli/terminal.ts";
import { LineSink } from "../../src/lib/line-sink.ts";

/** The surroundings of a command that runs in the process of its test, and what it said in them. */
export interface FakeTerminal extends Terminal {
  readonly printed: string[];
  readonly warned: string[];
}

/** A terminal in memory, which is never told to stop. Logs go to the tests' own standard error. */
export function fakeTerminal(its: Partial<Terminal> = {}): FakeTerminal {
  const [printed, warned]: [string[], string[]] = [[], []];
  return {
    environment: {},
    printed,
    warned,
    print: (text) => void printed.push(text),
    warn: (text) => void warned.push(text),
    errorOutput: new LineSink(2),
    isTerminal: false,
    stopRequested: () => new Promise(() => {}),
    onReloadRequested: () => {},
    ...its,
  };
}
