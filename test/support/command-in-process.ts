import { runCommand } from "../../src/cli/command.ts";

/** Runs a command line that ends by itself, without the second that a process of its own takes to start. */
export async function runInProcess(
  words: readonly string[],
  environment: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  let stdout = "";
  let stderr = "";
  const code = await runCommand(words, {
    environment,
    print: (text) => {
      stdout += `${text}\n`;
    },
    warn: (text) => {
      stderr += `${text}\n`;
    },
    isTerminal: false,
    stopRequested: () => new Promise(() => {}),
    onReloadRequested: () => {},
  });
  return { code, stdout, stderr };
}
