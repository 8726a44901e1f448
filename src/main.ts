#!/usr/bin/env node
import module from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { isatty } from "node:tty";
import type { Terminal } from "./cli/terminal.ts";

// The command line, and the only file that touches the process. What it runs is imported late, because a runtime
// that is too old crashes on loading the database driver instead of saying so.

const oldestMajor = 24;

const major = Number(process.versions.node.split(".")[0]);
if (major < oldestMajor) {
  process.stderr.write(
    `rollcall needs Node.js ${oldestMajor} or newer, this is ${process.versions.node}. ` +
      "In a clone, npm start brings its own.\n",
  );
  process.exit(1);
}

// Nine tenths of a cold start is compiling modules. In the user's own folder: what lies there is run.
module.enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "rollcall"));
await import("./start/drizzle-loading.ts");

const isTerminal = isatty(2);
// A terminal that is closed sends SIGHUP too; a service gets it from the program that has renewed its certificate.
const stopSignals = ["SIGTERM", "SIGINT", ...(isTerminal ? (["SIGHUP"] as const) : [])] as const;

const { LineSink } = await import("./lib/line-sink.ts");
const errorOutput = new LineSink(2);
/** What a command was asked for is not lost while there is a reader, however slow, and waits without a bound. */
const output = new LineSink(1, Number.POSITIVE_INFINITY);

/** Whether this is a service: it goes on, and ends, whether or not its outputs are read. */
let isService = false;
/** Whether a part of what a command was asked for could not be printed. */
let isCut = false;
/** How long a service that ends waits for its outputs, in milliseconds. */
const lastWordsMs = 1_000;

output.onLost((error) => {
  if (isService || isCut) return;
  isCut = true;
  errorOutput.write(`rollcall: standard output did not take all that was printed: ${error.message}\n`);
  void end(1);
});

const terminal: Terminal = {
  environment: process.env,
  print: (text) => output.write(`${text}\n`),
  warn: (text) => errorOutput.write(`${text}\n`),
  errorOutput,
  isTerminal,
  stopRequested: () => {
    isService = true;
    return new Promise((resolve) => {
      for (const signal of stopSignals) process.on(signal, () => resolve(signal));
    });
  },
  onReloadRequested(listener) {
    if (!isTerminal) process.on("SIGHUP", listener);
  },
};

// Node opens a debugger for this signal, by which any program on the machine can have the process do anything.
process.on("SIGUSR1", () => {});
// Node would print the error by a write that waits for its reader, and so for ever where that stands still.
process.on("uncaughtException", (error: unknown) => {
  errorOutput.flushSync(`${Error.isError(error) ? error.stack : String(error)}\n`);
  process.exit(1);
});
process.on("exit", () => errorOutput.flushSync());

const words = process.argv.slice(2);
const code = await (words[0] === "health"
  ? (await import("./cli/health.ts")).runHealth(words, terminal)
  : (await import("./cli/command.ts")).runCommand(words, terminal));
await end(code);

/**
 * exit() rather than exitCode: a stopped server must end even if a library left a timer behind, and after a failed disk
 * the database must not be closed, which it would be on a way out that Node takes by itself. But not before all was
 * printed: what a pipe has not taken yet would be cut off.
 */
async function end(code: number): Promise<never> {
  await Promise.all([output.flush(isService ? lastWordsMs : undefined), errorOutput.flush(lastWordsMs)]);
  process.exit(isCut ? 1 : code);
}
