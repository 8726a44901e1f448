import { afterAll, beforeAll, expect, test } from "vitest";
import { createLog } from "../../src/telemetry/logger.ts";
import { runInProcess } from "../support/command-in-process.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

/** Clears the screen, sets the window's title, turns the writing direction, starts another line, and CSI as one character. */
const evil = "a\u001b[2J\u001b]0;title\u0007\u202eb\nrow\u009b2J\u2028c";
/** What steers a terminal, but the ends of lines. */
const steering = /[^\P{C}\n]|[\u2028\u2029]/u;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  const runner = { name: evil, provider: "RUNNER_PROVIDER_GCP" };
  expect(await server.post("gitpod.v1.RunnerService/CreateRunner", runner)).toMatchObject({ status: 200 });
  const made = await rollcall("token", "create", "--description", evil);
  expect(made.code).toBe(0);
});
afterAll(() => server.close());

const rollcall = (...words: string[]) => runInProcess([...words, "--data-dir", server.config.dataDir]);

test.each([["token", "list"], ["stale"]])(
  "a name of others neither steers the terminal nor makes a row: rollcall %s %s",
  async (...words) => {
    const { code, stdout } = await rollcall(...words);
    expect(code).toBe(0);
    expect(stdout).toContain("a?[2J?]0;title??b?row?2J?c\n");
    expect(stdout).not.toMatch(steering);
  },
);

test("JSON holds the name as it is, in escapes", async () => {
  const { stdout } = await rollcall("token", "list", "--output", "json");
  expect(stdout).not.toMatch(steering);
  const tokens: { description: string }[] = JSON.parse(stdout);
  expect(tokens.map(({ description }) => description)).toContain(evil);
});

test("words that are repeated in an error do not steer the terminal", async () => {
  const { code, stderr } = await rollcall("token", "revoke", evil);
  expect(code).toBe(1);
  expect(stderr).toContain("no live token has the id a?[2J");
  expect(stderr).not.toMatch(steering);
});

test("the log of a terminal is steered by nothing that it repeats", () => {
  const chunks: string[] = [];
  const log = createLog("info", true, { write: (chunk) => void chunks.push(chunk) });
  log.info({ path: evil, err: new Error(evil) }, evil);
  const text = chunks.join("");
  const colours = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, "g");
  expect(text).toContain("a?[2J?]0;title??b");
  expect(text.replaceAll(colours, "")).not.toMatch(/[^\P{C}\n\t]/u);
});
