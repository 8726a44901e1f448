import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { hotPathOn } from "./hot-path.ts";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** A `rollcall` process, with what it has printed so far. */
export interface CommandProcess {
  readonly process: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** The exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>;
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
  const { PATH = "", HOME = "" } = process.env;
  const [program, ...line] = [...wrapper, process.execPath, main, ...words] as [string, ...string[]];
  const child = spawn(program, line, {
    env: { PATH, HOME, ROLLCALL_HOT_PATH: hotPathOn ? "on" : "off", ...environment },
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
  return { process: child, stdout: () => text.stdout, stderr: () => text.stderr, exited };
}

/** Runs `rollcall` to its end. */
export async function runCommand(
  words: readonly string[],
  environment: Record<string, string> = {},
  wrapper: readonly string[] = [],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const command = startCommand(words, environment, wrapper);
  const code = await command.exited;
  return { code, stdout: command.stdout(), stderr: command.stderr() };
}

/** Waits for the line that says where the server listens; rejects with its errors when it ends before. */
export async function listening(command: CommandProcess): Promise<string> {
  const end = command.exited.then((code) => {
    throw new Error(`rollcall ended with ${code} before it listened:\n${command.stderr()}`);
  });
  end.catch(() => {});
  for (;;) {
    const url = /^listening on (\S+)\n/m.exec(command.stdout())?.[1];
    if (url !== undefined) return url;
    await Promise.race([once(command.process.stdout ?? command.process, "data"), end]);
  }
}
