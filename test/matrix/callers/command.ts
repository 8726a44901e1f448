import { execFile } from "node:child_process";

/** Runs a program to its end; its exit code is the caller's to judge. */
export function run(program: string, words: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    execFile(program, words, (error, stdout, stderr) => {
      if (error !== null && error.code === "ENOENT") reject(error);
      else resolve({ stdout, stderr });
    });
  });
}
