import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endOf, listening, runCommand, startCommand } from "../support/command.ts";
import { runInProcess } from "../support/command-in-process.ts";
import { freePort } from "../support/free-port.ts";

let dataDir: string;
beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), "rollcall-health-"));
});
afterAll(() => rmSync(dataDir, { recursive: true }));

test("a server that is ready, and one that does not answer any more", async () => {
  const port = await freePort();
  const server = startCommand(["serve", "--port", port, "--data-dir", dataDir]);
  await listening(server);
  expect(await runCommand(["health", "--port", port, "--wait", "300"])).toEqual({
    code: 0,
    stdout: "ready\n",
    stderr: "",
  });
  server.process.kill("SIGSTOP");
  expect(await runCommand(["health", "--port", port])).toEqual({
    ...{ code: 1, stdout: "", stderr: "not ready: no answer within 5 s\n" },
  });
  server.process.kill("SIGCONT");
  server.process.kill("SIGTERM");
  expect(await server.exited).toBe(0);
});

test("waits for a server that starts, and not for ever", async () => {
  const port = await freePort();
  const waiting = startCommand(["health", "--port", port, "--wait", "300"]);
  const server = startCommand(["serve", "--port", port, "--data-dir", dataDir]);
  // A server that cannot start ends the test with what it says, and nothing is left waiting for it.
  void server.exited.then(() => waiting.process.kill());
  const [answer] = await Promise.all([endOf(waiting), listening(server)]);
  expect(answer).toEqual({ code: 0, stdout: "ready\n", stderr: "" });
  server.process.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  expect(await runCommand(["health", "--port", port, "--wait", "1"])).toMatchObject({ code: 1 });
});

test.each([["1.5"], ["-1"], ["soon"], ["99999"]])("does not wait for %s", async (seconds) => {
  expect(await runInProcess(["health", "--wait", seconds])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("whole number of seconds"),
  });
});
