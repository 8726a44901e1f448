import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runShellCommand } from "../../src/agent/command.ts";
import { commandHooks } from "../../src/agent/index.ts";
import { until } from "../support/eventually.ts";

const dir = mkdtempSync(join(tmpdir(), "rollcall-command-"));
afterAll(() => rmSync(dir, { recursive: true }));

const run = (line: string, changes: Partial<Parameters<typeof runShellCommand>[0]> = {}) =>
  runShellCommand({
    line,
    environment: {},
    input: "",
    timeoutMs: 10_000,
    signal: new AbortController().signal,
    secrets: [],
    ...changes,
  });

test("gives the wanted spec to the command, as JSON and as environment", async () => {
  const file = join(dir, "spec");
  const hooks = commandHooks({
    onSpec: `{ cat; echo "$ROLLCALL_RUNNER_ID $ROLLCALL_SPEC_REVISION $ROLLCALL_PAUSED"; } > ${file}`,
    specTimeoutMs: 10_000,
    healthTimeoutMs: 10_000,
  });
  const wanted = { runnerId: "r1", revision: 4, paused: true, spec: { a: "ü" }, secrets: [] };
  await hooks.onSpec?.(wanted, new AbortController().signal);
  const [json = "", environment] = readFileSync(file, "utf8").trim().split("\n");
  expect(JSON.parse(json)).toEqual({ runnerId: "r1", revision: 4, paused: true, spec: { a: "ü" } });
  expect(environment).toBe("r1 4 true");
  expect(hooks.health).toBeUndefined();
});

test("says how a command failed, with its last line", async () => {
  await expect(run("echo fine; echo 'no such region' >&2; exit 3")).rejects.toThrow(
    "ended with 3: no such region",
  );
  await expect(run("kill -9 $$")).rejects.toThrow("ended with SIGKILL");
  await expect(run("/no/such/command")).rejects.toThrow("ended with 127");
});

test("repeats no secret that the command printed", async () => {
  const failed = run("cat >&2; exit 1", { input: "password=hunter2-hunter2", secrets: ["hunter2-hunter2"] });
  await expect(failed).rejects.toThrow("ended with 1: password=***");
});

test("does not mind a command that leaves its input unread, or prints a lot", async () => {
  await run("exec true", { input: "x".repeat(1_000_000) });
  await run("head -c 3000000 /dev/zero | tr '\\0' 'x'");
});

test.each([
  ["a time-out", { timeoutMs: 300 }, /took longer than 0.3 s/],
  ["a stop", {}, /was stopped/],
])("%s ends the command and what it started", async (_, changes, message) => {
  const file = join(dir, `pid-${message.source.length}`);
  const stop = new AbortController();
  const ended = expect(
    run(`sleep 60 & echo $! > ${file}; wait`, { signal: stop.signal, ...changes }),
  ).rejects.toThrow(message);
  await until("started", () => existsSync(file) && readFileSync(file, "utf8").endsWith("\n"));
  if (!("timeoutMs" in changes)) stop.abort();
  await ended;
  const pid = Number(readFileSync(file, "utf8"));
  await until("the child of the shell is gone", () => isGone(pid));
});

/** Whether the process has ended; a zombie that no parent reaps counts as ended. */
function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return true;
  }
}
