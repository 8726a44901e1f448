import { availableParallelism } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

// Threads and processes that tests start keep what Node compiled, and the types that it stripped, for the next ones.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, "node_modules/.cache/node");

// Only what never ends is to be found by it, on a machine of any speed.
const endless = 300_000;

const project = (name: string, files: string) => ({
  extends: true as const,
  test: { name, include: [files] },
});

export default defineConfig({
  test: {
    projects: [
      project("tests", "test/**/*.test.ts"),
      // They need root, or programs besides Node.js.
      project("system", "test/**/*.system.ts"),
      // Not one of the suite's tests: started.test.ts runs it, and looks at what it left.
      project("leaves-behind", "test/support/fixtures/leaves-behind.ts"),
    ],
    setupFiles: ["test/support/setup.ts"],
    // Node.js loads the modules itself, as it does for users, and once for all files that a process runs.
    experimental: { viteModuleRunner: false },
    isolate: false,
    pool: "forks",
    // One more than there are cores: tests wait for processes and disks, too.
    maxWorkers: availableParallelism() + 1,
    testTimeout: endless,
    hookTimeout: endless,
  },
});
