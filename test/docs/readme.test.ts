import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { listening, startCommand } from "../support/command.ts";
import { settingsTables } from "./settings-table.ts";

const read = (page: string) => readFileSync(new URL(`../../${page}`, import.meta.url), "utf8");
const readme = read("README.md");

test("docs/settings.md shows every flag and variable as they are", () => {
  expect(read("docs/settings.md")).toContain(settingsTables());
});

test("README is short enough to be read", () => {
  expect(readme.split("\n").length).toBeLessThanOrEqual(150);
});

test("every line of the tour works as it is pasted, and leaves nothing behind", async () => {
  const home = mkdtempSync(join(tmpdir(), "rollcall-tour-"));
  // The tour's own temporary folder is made below this one.
  const temporary = join(home, "tmp");
  mkdirSync(temporary);
  const data = join(home, "data");
  const server = startCommand(["serve", "--port", "0", "--data-dir", join(data, "rollcall")]);
  try {
    const url = await listening(server);
    const tour = linesOf("## A tour").replace("http://127.0.0.1:7655", url);
    const { code, stdout, stderr } = await pasted(tour, {
      HOME: home,
      TMPDIR: temporary,
      XDG_DATA_HOME: data,
    });
    expect([code, stderr]).toEqual([0, expect.stringContaining("registered")]);
    expect(stdout).toContain('"exchangeToken":"rcexc_');
    expect(stdout).toContain('"phase":"RUNNER_PHASE_ACTIVE"');
    expect(stdout).toMatch(/"message":"paused by an operator since [\d-]+T[\d:]+Z"/);
    expect(stdout).toContain('"name": "build-farm-1"');
    expect(stdout).toMatch(/^build-farm-1 (ACTIVE|INACTIVE)$/m);
    expect(stdout).toContain("wound down and signed off");
    expect(stdout).toContain("runner not found");
    expect(existsSync(join(process.cwd(), "agent-state"))).toBe(false);
  } finally {
    server.process.kill("SIGKILL");
    await server.exited;
    rmSync(home, { recursive: true, force: true });
  }
});

/** Runs lines as a shell does, and ends what they left running when one of them failed. */
async function pasted(lines: string, environment: Record<string, string>) {
  const { PATH = "" } = process.env;
  const shell = spawn("bash", ["-e", "-o", "pipefail"], { env: { PATH, ...environment }, detached: true });
  let stdout = "";
  let stderr = "";
  shell.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk;
  });
  shell.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  try {
    shell.stdin.end(lines);
    const [code] = await once(shell, "exit");
    return { code: code as number | null, stdout, stderr };
  } finally {
    try {
      process.kill(-(shell.pid ?? 0), "SIGKILL");
    } catch {
      // The whole group is gone, as it should be.
    }
  }
}

/** The lines of a section that a reader is to paste. */
function linesOf(heading: string): string {
  const section = readme.split(`${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, lines]) => lines).join("");
}
