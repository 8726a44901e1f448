import { runCommand } from "../../src/cli/command.ts";
import { fakeTerminal } from "./terminal.ts";

/** Runs a command line that ends by itself, without the second that a process of its own takes to start. */
export async function runInProcess(
  words: readonly string[],
  environment: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const terminal = fakeTerminal({ environment });
  const code = await runCommand(words, terminal);
  const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join("");
  return { code, stdout: text(terminal.printed), stderr: text(terminal.warned) };
}
