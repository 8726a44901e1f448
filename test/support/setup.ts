import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { started } from "./started.ts";

// Runs before each test file. What a test starts ends with it, and what a file starts or keeps in `tmpdir()` is gone when it
// is done, whether its tests passed, failed or ran out of time: see `Started`.

const outerTmpdir = process.env.TMPDIR;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rollcall-"));
  process.env.TMPDIR = folder;
});
beforeEach(() => started.beginTest());
afterEach(() => started.endTest());
afterAll(async () => {
  await started.endAll();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  if (outerTmpdir === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = outerTmpdir;
});
