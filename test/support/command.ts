import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { hotPathOn } from "./hot-path.ts";
import { unhurriedEnvironment } from "./unhurried.ts";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** A `rollcall` process, with what it has printed so far. */
export interface CommandProcess {
  readonly process: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** The exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** Whether it has ended, by itself or by a signal. */
  hasEnded(): boolean;
}

/**
 * Starts `rollcall` as a process of its own, with no settings of this one's environment but the tests' hot path.
 * @param wrapper a command line that prepares something and then becomes the command that follows it.
 */
export function startCommand(
  words: readonly string[],
  environment: Record<string, string> = {},
  wrapper: readonly string[] = [],
): CommandProcess {
  const [program, ...line] = [...wrapper, process.execPath, main, ...words] as [string, ...string[]];
  const served = words[0] === "serve" ? unhurriedEnvironment : {};
  return startProcess(program, line, {
    ROLLCALL_HOT_PATH: hotPathOn ? "on" : "off",
    ...served,
    ...environment,
  });
}

/** Starts a program, with no more of this process's environment than where programs and the user's files are. */
export function startProcess(
  program: string,
  words: readonly string[],
  environment: Record<string, string> = {},
): CommandProcess {
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(program, words, {
    env: { PATH, HOME, TMPDIR: tmpdir(), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const text = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    text.stdout += chunk;
  });
  child.stderr.on("data", (chunk: Buffer) => {
    text.stderr += chunk;
  });
  const exited = once(child, "close").then(([code]) => code as number | null);
  return {
    process: child,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    exited,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
  };
}

/** Runs `rollcall` to its end. */
export function runCommand(
  words: readonly string[],
  environment: Record<string, string> = {},
  wrapper: readonly string[] = [],
): Promise<Ended> {
  return endOf(startCommand(words, environment, wrapper));
}

/** What a process left behind that has ended. */
export interface Ended {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function endOf(command: CommandProcess): Promise<Ended> {
  const code = await command.exited;
  return { code, stdout: command.stdout(), stderr: command.stderr() };
}

/** Waits for the line that says where the server listens; rejects with its errors when it ends before. */
export async function listening(command: CommandProcess): Promise<string> {
  const [, url = ""] = await printed(command, "stdout", /^listening on (\S+)\n/m);
  return url;
}

/** Waits until a process has printed what matches; rejects with its errors when it ends before. */
export async function printed(
  command: CommandProcess,
  stream: "stdout" | "stderr",
  pattern: RegExp,
): Promise<RegExpExecArray> {
  const end = command.exited.then((code) => {
    throw new Error(`ended with ${code} before it printed ${pattern}:\n${command.stderr()}`);
  });
  end.catch(() => {});
  for (;;) {
    const found = pattern.exec(command[stream]());
    if (found !== null) return found;
    await Promise.race([once(command.process[stream] ?? command.process, "data"), end]);
  }
}
