import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { startCommand } from "../support/command.ts";
import { begin, environment, unavailable } from "./support/refusing-disk.ts";

// The fault that needs no rights to bring about; disk-faults.system.ts has those of real file systems.

test("a limit on the size of files: writes say so, reads and leases go on, and it passes without a restart", async () => {
  const dir = mkdtempSync(join(tmpdir(), "rollcall-refusing-"));
  const server = startCommand(["serve", "--port", "0", "--data-dir", dir], environment);
  const story = await begin(server);
  // The soft limit, which needs no rights to lower and to raise again.
  const limit = (bytes: string) =>
    execFileSync("prlimit", ["--pid", String(server.process.pid), `--fsize=${bytes}:`]);
  limit("1000");
  await story.refused(unavailable);
  limit("unlimited");
  await story.mended();
  rmSync(dir, { recursive: true });
});
