import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { longestTimerMs } from "../lib/clock.ts";

/** A command of the operator. */
export interface CommandRun {
  /** A line for the shell. */
  readonly line: string;
  /** Added to the environment of the agent. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the command reads; empty for nothing. */
  readonly input: string;
  /** Milliseconds; then the command and what it started are killed. */
  readonly timeoutMs: number;
  /** Ends it early, in the same way. */
  readonly signal: AbortSignal;
  /** Taken out of everything that is repeated of its output. */
  readonly secrets: readonly string[];
  /** Longest standard output, in bytes of UTF-8, when it is wanted as a whole. */
  readonly outputBytes?: number;
}

/** How long the command has between being asked to end and being killed, in milliseconds. */
const killAfterMs = 2_000;
const keptOutput = 4_096;
const longestReason = 400;

/**
 * Runs a command in a shell of its own process group.
 * @returns its standard output, empty when that is not wanted
 * @throws Error that says how it ended (status, signal, time) with the last line that it printed
 */
export async function runShellCommand(run: CommandRun): Promise<string> {
  if (run.signal.aborted) throw new Error("was stopped");
  const posix = process.platform !== "win32";
  const child = spawn(run.line, {
    shell: true,
    detached: posix,
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...run.environment },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-keptOutput);
    });
  }
  const { outputBytes = 0 } = run;
  let wanted = "";
  child.stdout.on("data", (text: string) => {
    if (outputBytes === 0) return;
    wanted += text;
    if (Buffer.byteLength(wanted) > outputBytes) {
      wanted = "";
      end(`printed more than ${outputBytes} bytes`);
    }
  });
  // A command that does not read its input closes the pipe early; that is its right.
  child.stdin.on("error", () => {});
  child.stdin.end(run.input);

  let cut: string | null = null;
  let killer: NodeJS.Timeout | undefined;
  const end = (why: string): void => {
    if (cut !== null) return;
    cut = why;
    killGroup(child, posix, "SIGTERM");
    killer = setTimeout(() => killGroup(child, posix, "SIGKILL"), killAfterMs);
  };
  const timeoutMs = Math.min(run.timeoutMs, longestTimerMs);
  const timer = setTimeout(() => end(`took longer than ${timeoutMs / 1000} s`), timeoutMs);
  const onAbort = (): void => end("was stopped");
  run.signal.addEventListener("abort", onAbort, { once: true });
  try {
    const status = await finished(child);
    const failed = cut ?? (status === "0" ? null : `ended with ${status}`);
    if (failed !== null) throw new Error(reason(failed, output, run.secrets));
    return wanted;
  } finally {
    clearTimeout(timer);
    clearTimeout(killer);
    run.signal.removeEventListener("abort", onAbort);
    // What the command left in the background must not keep its pipes, or outlive the time it was given.
    if (cut !== null) killGroup(child, posix, "SIGKILL");
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

/** Waits for the shell itself: `close` would wait for everything that inherited its pipes. */
function finished(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      // What it printed last may still be in the pipe.
      setImmediate(() => setImmediate(() => resolve(signal ?? String(code))));
    });
  });
}

function killGroup(child: ChildProcess, posix: boolean, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (posix) process.kill(-child.pid, signal);
    else child.kill(signal);
  } catch {
    // Gone already.
  }
}

function reason(how: string, output: string, secrets: readonly string[]): string {
  const lines = secrets.reduce((text, secret) => text.replaceAll(secret, "***"), output).split("\n");
  const last = lines.findLast((line) => line.trim() !== "")?.trim() ?? "";
  return last === "" ? how : `${how}: ${last.slice(-longestReason)}`;
}
