import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { runCommand } from "../../src/cli/command.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { fakeTerminal } from "../support/terminal.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

async function audit(...words: string[]) {
  const terminal = fakeTerminal();
  const code = await runCommand(["audit", "--data-dir", server.config.dataDir, ...words], terminal);
  return { code, out: terminal.printed.join("\n"), err: terminal.warned.join("\n") };
}

async function createRunner(userAgent: string): Promise<string> {
  const { runner } = await server
    .client(RunnerService, { wire: "connect-json 1.1", headers: { "user-agent": userAgent } })
    .createRunner({ name: "runner", provider: RunnerProvider.AWS_EC2 });
  return runner?.runnerId ?? "";
}

describe("rollcall audit", () => {
  test("prints who did what, from where and with what, beside a running server", async () => {
    const id = await createRunner("terraform/1.9");
    const { code, out } = await audit("--subject", id.toUpperCase());
    expect(code).toBe(0);
    const [head, line, ...more] = out.split("\n");
    expect(head).toMatch(/^TIME +ACTION +ACTOR +SUBJECT +SOURCE +AGENT$/);
    expect(line).toMatch(/^2026-01-15T12:00:00.000Z +runner\.create +/);
    expect(line).toContain(id);
    expect(line).toMatch(/127\.0\.0\.1 +terraform\/1\.9$/);
    expect(more).toEqual([]);
  });

  test("prints JSON, in either order, within the times and the limit that are asked for", async () => {
    const first = await createRunner("one");
    server.clock.advance(60_000);
    const second = await createRunner("two");
    const subjects = async (...words: string[]) => {
      const { out } = await audit("--output", "json", "--subject", first, "--subject", second, ...words);
      return JSON.parse(out).map(({ subjectId }: { subjectId: string }) => subjectId);
    };
    expect(await subjects()).toEqual([second, first]);
    expect(await subjects("--oldest-first")).toEqual([first, second]);
    expect(await subjects("--limit", "1")).toEqual([second]);
    expect(await subjects("--from", "2026-01-15T12:01Z")).toEqual([second]);
    expect(await subjects("--to", "2026-01-15T12:01Z")).toEqual([first]);
  });

  test("does not let a client's name steer the terminal", async () => {
    const id = await createRunner("evil\u009b2J");
    const { out } = await audit("--subject", id);
    expect(out).toContain("evil");
    expect(out.replaceAll("\n", "")).not.toMatch(/\p{C}/u);
  });

  test.each([
    ["--limit", "0"],
    ["--from", "yesterday"],
    ["--output", "xml"],
  ])("refuses %s %s", async (flag, value) => {
    const { code, out, err } = await audit(flag, value);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain(flag);
  });
});
