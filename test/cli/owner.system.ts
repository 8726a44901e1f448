import { chownSync, cpSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runInProcess } from "../support/command-in-process.ts";
import { startTestServer } from "../support/server.ts";

const folder = mkdtempSync(join(tmpdir(), "rollcall-owner-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A user of the system that is not root. */
const service = 65_534;

function owners(dir: string): [string, number, number, string][] {
  return readdirSync(dir).map((name) => {
    const { uid, gid, mode } = statSync(join(dir, name));
    return [name, uid, gid, (mode & 0o777).toString(8)];
  });
}

/** What is in a folder that is not the service's, or that others can read. */
const foreign = (dir: string) =>
  owners(dir).filter(([, uid, gid, mode]) => uid !== service || gid !== service || mode !== "600");

test("what root restores, rotates and resets in the folder of a service belongs to the service as before", async () => {
  const server = await startTestServer({ config: { dataDir: join(folder, "served") } });
  const dataDir = join(folder, "data");
  const backup = join(folder, "backup.db");
  const rollcall = (...words: string[]) => runInProcess([...words, "--data-dir", dataDir]);
  expect(await runInProcess(["backup", backup, "--data-dir", server.config.dataDir])).toMatchObject({
    code: 0,
  });
  cpSync(join(server.config.dataDir, "server.key"), join(dataDir, "server.key"));
  await server.close();
  chownSync(dataDir, service, service);
  chownSync(join(dataDir, "server.key"), service, service);

  expect(await rollcall("restore", backup)).toMatchObject({ code: 0 });
  expect(foreign(dataDir)).toEqual([]);
  expect(await rollcall("restore", backup)).toMatchObject({ code: 0 });
  expect(foreign(dataDir)).toEqual([]);
  expect(await rollcall("server-key", "rotate")).toMatchObject({ code: 0 });
  expect(foreign(dataDir)).toEqual([]);
  rmSync(join(dataDir, "server.key"));
  expect(await rollcall("server-key", "reset", "--yes")).toMatchObject({ code: 0 });
  expect(foreign(dataDir)).toEqual([]);
  expect(owners(dataDir).map(([name]) => name)).toContain("server.key");
});
