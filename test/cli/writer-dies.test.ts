import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type CommandProcess, listening, startCommand } from "../support/command.ts";

let dir: string;
let server: CommandProcess | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "rollcall-dies-"));
});
afterEach(() => {
  server?.process.kill("SIGKILL");
  rmSync(dir, { recursive: true });
});

test("a server whose writing thread dies says so in one line and ends with 1", async () => {
  // Loaded by each thread of the process before its script: the one that writes dies as soon as there is a file.
  const mortal = join(dir, "mortal.mjs");
  const sign = join(dir, "die");
  writeFileSync(
    mortal,
    `import { existsSync } from "node:fs";
     import { isMainThread } from "node:worker_threads";
     if (!isMainThread) setInterval(() => { if (existsSync(${JSON.stringify(sign)})) throw new Error("out of luck"); }, 10);`,
  );
  server = startCommand(["serve", "--port", "0", "--data-dir", join(dir, "data")], {
    ROLLCALL_ADMIN_TOKEN: "writer-dies-token",
    NODE_OPTIONS: `--import ${mortal}`,
  });
  await listening(server);
  writeFileSync(sign, "");
  expect(await server.exited).toBe(1);
  expect(server.stderr()).toMatch(
    /^rollcall: the thread that writes has ended: out of luck; start the server again$/m,
  );
});
