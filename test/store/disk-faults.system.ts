import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { type CommandProcess, listening, startCommand } from "../support/command.ts";
import { postJson } from "../support/http.ts";
import { ext4Disk, type SmallDisk, tmpfsDisk } from "../support/small-disk.ts";

// The kernel refuses a running server's writes, in three ways. What a server does then is the same in all of them.

const token = "disk-faults-admin-token";
const environment = { ROLLCALL_ADMIN_TOKEN: token };

interface Refusal {
  readonly status: number;
  readonly reason: string;
}
const unavailable: Refusal = { status: 503, reason: "STORE_UNAVAILABLE" };
const full: Refusal = { status: 429, reason: "DISK_FULL" };

/** Ended by force where a test did not get to it: its disk goes with it. */
const servers: CommandProcess[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.process.kill("SIGKILL");
});

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
}, 30_000);

test.each([
  ["tmpfs", () => tmpfsDisk(6)],
  ["ext4", () => ext4Disk(24)],
])(
  "a full %s: writes say so, reads and leases go on, and it passes without a restart",
  async (_, make) => {
    await onDisk(make(), async (disk) => {
      const server = disk.serve(environment);
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
  },
  30_000,
);

test("a file system that turns read-only: the same, but for a restart once it is repaired, which brings all back", async () => {
  await onDisk(ext4Disk(24), async (disk) => {
    const server = disk.serve(environment);
    const story = await begin(server);
    disk.breakDown(server);
    await story.refused(unavailable);
    server.process.kill("SIGTERM");
    expect(await server.exited).toBe(0);
    expect(lines(server, "the disk refuses writes")).toBe(1);

    const next = disk.serve(environment);
    const again = await begin(next, 1);
    await again.mended(0);
  });
}, 30_000);

async function onDisk(disk: SmallDisk, story: (disk: SmallDisk) => Promise<void>): Promise<void> {
  await story(disk);
  disk.remove();
}

/** A server with one runner more than it had, whose lease is live. */
async function begin(server: CommandProcess, before = 0) {
  servers.push(server);
  const url = await listening(server);
  const post = (procedure: string, body: unknown, bearer = token) =>
    postJson(url, procedure, body, { authorization: `Bearer ${bearer}` });
  const create = () =>
    post("gitpod.v1.RunnerService/CreateRunner", { name: "a runner", provider: "RUNNER_PROVIDER_GCP" });
  const made = (await create()).json<{ runner: { runnerId: string }; exchangeToken: string }>();
  const exchanged = await post("gitpod.v1.IdentityService/ExchangeToken", {
    exchangeToken: made.exchangeToken,
  });
  const { accessToken } = exchanged.json<{ accessToken: string }>();
  const renew = (body: object) => post("rollcall.v1.RunnerAgentService/RenewRegistration", body, accessToken);
  expect((await renew({})).status).toBe(200);
  // News cannot be kept on a disk that refuses it, and the agent is told so; it is heard all the same.
  const news = (message: string) => ({ generation: 1, status: { phase: "RUNNER_PHASE_DEGRADED", message } });
  let runners = before + 1;
  let round = 0;
  const listed = async () =>
    (await post("gitpod.v1.RunnerService/ListRunners", {})).json<{ runners: unknown[] }>().runners;
  expect(await listed()).toHaveLength(runners);

  return {
    async refused({ status, reason }: Refusal): Promise<void> {
      round += 1;
      for (let i = 0; i < 20; i++) {
        const refused = await create();
        expect(refused.status).toBe(status);
        expect(refused.text).toContain(reason);
        expect(refused.text).toContain("nothing was changed");
      }
      expect(await listed()).toHaveLength(runners);
      expect((await renew({ generation: 1 })).status).toBe(200);
      expect((await renew(news(`trouble ${round}`))).status).toBe(status);
      const read = await post("gitpod.v1.RunnerService/GetRunner", { runnerId: made.runner.runnerId });
      expect(read.json<{ runner: { status: object } }>().runner.status).toMatchObject({
        phase: "RUNNER_PHASE_DEGRADED",
      });
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
    },
    async writesAgain(): Promise<void> {
      expect((await create()).status).toBe(200);
      runners += 1;
      expect(await listed()).toHaveLength(runners);
      expect((await renew(news(`trouble ${round}`))).status).toBe(200);
    },
    /** Ends the server; its log tells of each trouble once, and of its end once. */
    async mended(times = 1): Promise<void> {
      await this.writesAgain();
      server.process.kill("SIGTERM");
      expect(await server.exited).toBe(0);
      const said = ["the disk refuses writes", "the disk takes writes again"];
      expect(said.map((words) => lines(server, words))).toEqual([times, times]);
    },
  };
}

function lines(server: CommandProcess, words: string): number {
  return server
    .stderr()
    .split("\n")
    .filter((line) => line.includes(words)).length;
}
