import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { FakeServer } from "../agent/support/fake-server.ts";
import { type CommandProcess, listening, runCommand, startCommand } from "../support/command.ts";
import { eventually, until } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { plainRequest, postJson } from "../support/http.ts";
import { scrape } from "../support/metrics.ts";

const dir = mkdtempSync(join(tmpdir(), "rollcall-outputs-"));
const started: CommandProcess[] = [];

afterEach(() => {
  for (const { process } of started.splice(0)) process.kill("SIGKILL");
});
afterAll(() => rmSync(dir, { recursive: true }));

const token = "an-operator-of-mine";
let folders = 0;

/** @param redirection of a shell */
function serve(
  redirection: string,
  port = "0",
  words: readonly string[] = [],
  environment = {},
): CommandProcess {
  folders += 1;
  const line = ["serve", "--port", port, "--data-dir", join(dir, `data-${folders}`), ...words];
  return start(line, redirection, environment);
}

function start(line: readonly string[], redirection: string, environment = {}): CommandProcess {
  const shell = ["sh", "-c", `${redirection}; exec "$@"`, "sh"];
  const command = startCommand(line, { ROLLCALL_ADMIN_TOKEN: token, ...environment }, shell);
  started.push(command);
  return command;
}

const refusedCall = (url: string) =>
  postJson(
    url,
    "gitpod.v1.RunnerService/GetRunner",
    { runnerId: "none" },
    { authorization: `Bearer ${token}` },
  );

/** Has a server log more than a pipe holds, and what a reader of Node's takes ahead. */
async function fillPipe(url: string): Promise<void> {
  for (let logged = 0; logged < 2 ** 19; logged += 300 * 50) {
    for (const { status } of await Promise.all(Array.from({ length: 50 }, () => refusedCall(url)))) {
      expect(status).toBe(400);
    }
  }
}

async function ended({ process }: CommandProcess): Promise<number | null> {
  if (process.exitCode === null && process.signalCode === null) await once(process, "exit");
  return process.exitCode;
}

test.each([
  ["on a full disk", "exec 2>/dev/full"],
  ["at the size that a file may have", 'truncate -s 64M "$0.log"; ulimit -f 131072; exec 2>>"$0.log"'],
])("a log %s loses lines, which are counted; no call and no end fails by it", async (_where, redirection) => {
  const server = serve(redirection.replaceAll("$0", join(dir, "limited")));
  const url = await listening(server);
  expect(await refusedCall(url)).toMatchObject({ status: 400 });
  await eventually(async () => {
    expect((await scrape({ url }, token)).sum("rollcall_log_lines_lost_total")).toBeGreaterThan(0);
  });
  server.process.kill("SIGTERM");
  expect(await ended(server)).toBe(0);
});

test("a server starts, serves and stops when nothing that it says arrives anywhere", async () => {
  const port = await freePort();
  const server = serve("exec >/dev/full 2>&1", port);
  await eventually(async () => {
    expect(await plainRequest(`http://127.0.0.1:${port}/readyz`)).toMatchObject({ status: 200 });
  });
  server.process.kill("SIGTERM");
  expect(await ended(server)).toBe(0);
});

test("a pipe whose reader stands still stops neither calls nor the end of a server", async () => {
  const server = serve("exec", "0", ["--rate-limit-token", "0"]);
  const url = await listening(server);
  server.process.stderr?.pause();
  await fillPipe(url);
  server.process.kill("SIGTERM");
  expect(await ended(server)).toBe(0);
});

test("a fault of the program itself ends it, whether or not its words are read", async () => {
  const fault = "process.on('SIGUSR2',()=>{throw new Error('a-fault-of-the-test')})";
  const environment = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(fault)}` };
  const read = serve("exec", "0", [], environment);
  await listening(read);
  read.process.kill("SIGUSR2");
  expect(await read.exited).toBe(1);
  expect(read.stderr()).toMatch(/\nError: a-fault-of-the-test\n +at /);

  const unread = serve("exec", "0", ["--rate-limit-token", "0"], environment);
  const url = await listening(unread);
  unread.process.stderr?.pause();
  await fillPipe(url);
  unread.process.kill("SIGUSR2");
  expect(await ended(unread)).toBe(1);
});

test("a pipe whose reader is gone stops neither calls nor the end of a server", async () => {
  const server = serve("exec");
  const url = await listening(server);
  server.process.stderr?.destroy();
  expect(await refusedCall(url)).toMatchObject({ status: 400 });
  expect(await refusedCall(url)).toMatchObject({ status: 400 });
  server.process.kill("SIGTERM");
  expect(await ended(server)).toBe(0);
});

test("an agent registers, renews and signs off when nothing that it says arrives anywhere", async () => {
  const server = new FakeServer();
  await server.start();
  try {
    writeFileSync(join(dir, "token"), "exchange-one");
    const files = ["--token-file", join(dir, "token"), "--state-dir", join(dir, "state")];
    const agent = start(["agent", "--server", server.url.href, ...files], "exec >/dev/full 2>&1");
    await until("renewal", () => server.renewals.length === 1);
    agent.process.kill("SIGTERM");
    expect(await ended(agent)).toBe(0);
    expect(server.signOffs).toHaveLength(1);
  } finally {
    await server.stop();
  }
});

test("a command whose result is not taken says so and fails", async () => {
  const { code, stderr } = await runCommand(["config", "--help"], {}, [
    "sh",
    "-c",
    'exec "$@" >/dev/full',
    "sh",
  ]);
  expect(stderr).toMatch(/^rollcall: standard output did not take all that was printed: ENOSPC/);
  expect(code).toBe(1);
});
