import { afterEach, expect, test } from "vitest";
import type { CommandProcess } from "../support/command.ts";
import { ext4Disk, type SmallDisk, tmpfsDisk } from "../support/small-disk.ts";
import { begin, environment, full, lines, unavailable } from "./support/refusing-disk.ts";

// The kernel refuses a running server's writes. What a server does then is the same in all ways.

test.each([
  ["tmpfs", () => tmpfsDisk(6)],
  ["ext4", () => ext4Disk(24)],
])("a full %s: writes say so, reads and leases go on, and it passes without a restart", async (_, make) => {
  await onDisk(make(), async (disk) => {
    const server = serve(disk);
    const story = await begin(server);
    // Twice: what the first time left behind must not spoil the second.
    for (let round = 1; round <= 2; round++) {
      const makeRoom = disk.fill(server);
      await story.refused(full);
      makeRoom();
      await story.writesAgain();
    }
    await story.mended(2);
  });
});

test("a file system that turns read-only: the same, but for a restart once it is repaired, which brings all back", async () => {
  await onDisk(ext4Disk(24), async (disk) => {
    const server = serve(disk);
    const story = await begin(server);
    disk.breakDown(server);
    await story.refused(unavailable);
    server.process.kill("SIGTERM");
    expect(await server.exited).toBe(0);
    expect(lines(server, "the disk refuses writes")).toBe(1);

    const next = serve(disk);
    const again = await begin(next, 1);
    await again.mended(0);
  });
});

/** Ended by force where a test did not get to it: its disk goes with it. */
const servers: CommandProcess[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.process.kill("SIGKILL");
});

function serve(disk: SmallDisk): CommandProcess {
  const server = disk.serve(environment);
  servers.push(server);
  return server;
}

async function onDisk(disk: SmallDisk, story: (disk: SmallDisk) => Promise<void>): Promise<void> {
  await story(disk);
  disk.remove();
}
