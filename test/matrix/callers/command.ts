import { execFile } from "node:child_process";

/** Runs a program to its end; its exit code is the caller's to judge. */
export function run(program: string, words: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    execFile(program, words, { timeout: 20_000 }, (error, stdout, stderr) => {
      if (error !== null && (error.code === "ENOENT" || error.killed === true)) reject(error);
      else resolve({ stdout, stderr });
    });
  });
}
