import { join } from "node:path";

// Threads and processes that tests start keep what Node compiled, and the types that it stripped, for the next ones.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, "node_modules/.cache/node");

import { availableParallelism } from "node:os";

/** @type {import('jest').Config} */
export default {
  testEnvironment: "<rootDir>/test/support/environment.ts",
  globalTeardown: "<rootDir>/test/support/end-of-run.ts",
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "\\.ts$": [
      "@swc/jest",
      { jsc: { parser: { syntax: "typescript" }, target: "es2024" }, module: { type: "es6" } },
    ],
  },
  // One more than there are cores: tests wait for processes and disks, too.
  maxWorkers: availableParallelism() + 1,
  // Only what never ends is to be found by it, on a machine of any speed.
  testTimeout: 300_000,
};
