import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { listening, startCommand } from "../support/command.ts";
import { auditFile, auditServer } from "./audit.ts";
import { emptyLedger, work } from "./load.ts";

// A real process, killed in the middle of real load. The short form runs with all tests; `npm run test:crash` is
// the long one.

const kills = Number(process.env.CRASH_KILLS ?? 3);
const workers = 16;
const token = "crash-test-token";
const dataDir = mkdtempSync(join(tmpdir(), "rollcall-crash-"));
afterAll(() => rmSync(dataDir, { recursive: true }));

const start = () =>
  startCommand(["serve", "--port", "0", "--data-dir", dataDir, "--log-level", "error"], {
    ROLLCALL_ADMIN_TOKEN: token,
  });

test(
  `everything acknowledged survives ${kills} kills, and nothing is half done`,
  async () => {
    for (let kill = 0; kill < kills; kill++) {
      const ledger = emptyLedger();
      const server = start();
      const url = await listening(server);
      const load = Array.from({ length: workers }, () => work(url, token, ledger, Math.random));
      await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 500));
      server.process.kill("SIGKILL");
      expect(await server.exited).toBeNull();
      await Promise.all(load);
      expect(ledger.runners.size).toBeGreaterThan(0);

      const restarted = start();
      await auditServer(await listening(restarted), token, ledger);
      restarted.process.kill("SIGTERM");
      expect(await restarted.exited).toBe(0);
      auditFile(dataDir);
    }
  },
  30_000 + kills * 20_000,
);
