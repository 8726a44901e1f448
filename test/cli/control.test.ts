import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { controlSocketOf } from "../../src/start/control.ts";
import { runInProcess } from "../support/command-in-process.ts";
import { postJson } from "../support/http.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

// Commands that change a database have the server that runs on it do so.

let folder: string;
let server: TestServer | null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rollcall-control-"));
  server = null;
});
afterEach(async () => {
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const start = async (dataDir: string) => {
  server = await startTestServer({ config: { dataDir } });
  return server;
};
const token = (dataDir: string, ...words: string[]) =>
  runInProcess(["token", ...words, "--data-dir", dataDir]);

/** The secret that a command printed, and the id that it has. */
async function created(dataDir: string): Promise<{ secret: string; id: string }> {
  const made = await token(dataDir, "create", "--description", "made here");
  expect([made.code, made.stderr]).toEqual([0, ""]);
  const listed = await token(dataDir, "list", "--output", "json");
  const tokens = JSON.parse(listed.stdout) as { id: string; description: string }[];
  return {
    secret: made.stdout.trim(),
    id: tokens.find(({ description }) => description === "made here")?.id ?? "",
  };
}

const statusWith = async (url: string, secret: string) =>
  (await postJson(url, "gitpod.v1.RunnerService/ListRunners", {}, { authorization: `Bearer ${secret}` }))
    .status;

/** What the socket answers to bytes. */
function ask(dataDir: string, path: string, body: string): Promise<[number | undefined, string]> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: controlSocketOf(dataDir), path, method: "POST" }, (response) => {
      text(response).then((answer) => resolve([response.statusCode, answer]), reject);
    });
    call.on("error", reject);
    call.end(body);
  });
}

test("a token that is revoked beside a server is refused by the next call", async () => {
  const dataDir = join(folder, "data");
  const { url } = await start(dataDir);
  const { secret, id } = await created(dataDir);
  server?.keepSecret(secret);
  expect(await statusWith(url, secret)).toBe(200);
  expect(await token(dataDir, "revoke", id)).toMatchObject({ code: 0, stdout: `revoked ${id}\n` });
  expect(await statusWith(url, secret)).toBe(401);
  const again = await token(dataDir, "revoke", id);
  expect(again.code).not.toBe(0);
  expect(again.stderr).toContain("no live token");
});

test("the socket is its user's alone, goes with the server, and one that a kill left behind is in nobody's way", async () => {
  const dataDir = join(folder, "data");
  await start(dataDir);
  expect((statSync(controlSocketOf(dataDir)).mode & 0o777).toString(8)).toBe("600");
  await server?.restart();
  await created(dataDir);
});

test("without a server a command changes the file itself", async () => {
  const dataDir = join(folder, "data");
  const { url } = await start(dataDir);
  expect(url).toContain("http");
  const { id } = await created(dataDir);
  // The folder goes with the test's server: a copy that no server uses.
  const copy = join(folder, "copy");
  mkdirSync(copy);
  const backup = await runInProcess(["backup", "--data-dir", dataDir, join(copy, "rollcall.db")]);
  expect(backup.code).toBe(0);
  expect(existsSync(controlSocketOf(copy))).toBe(false);
  expect(await token(copy, "revoke", id)).toMatchObject({ code: 0, stdout: `revoked ${id}\n` });
  const other = await created(copy);
  expect(other.secret).not.toBe("");
});

test("what is no operation, no object, too large or out of range is refused, and says so", async () => {
  const dataDir = join(folder, "data");
  await start(dataDir);
  const hash = "0".repeat(64);
  const wrong: [string, string, RegExp][] = [
    ["/dropEverything", "{}", /no such operation/],
    ["/revokeToken", "[", /one JSON object/],
    ["/revokeToken", "null", /one JSON object/],
    ["/revokeToken", "{}", /^.*id: must be a text/],
    ["/revokeToken", JSON.stringify({ id: "x".repeat(20_000) }), /at most 16384 bytes/],
    // More than a socket holds: the server has to take it all before the client reads.
    ["/revokeToken", JSON.stringify({ id: "x".repeat(3_000_000) }), /at most 16384 bytes/],
    ["/createToken", JSON.stringify({ hash: "zz", description: "", livesMs: 1 }), /hash: must be/],
    [
      "/createToken",
      JSON.stringify({ hash, description: "x".repeat(2000), livesMs: 1 }),
      /description: must be/,
    ],
    [
      "/createToken",
      JSON.stringify({ hash, description: "", readOnly: true, livesMs: -1 }),
      /livesMs: must be/,
    ],
    ["/createToken", JSON.stringify({ hash, description: "", readOnly: true }), /livesMs: must be/],
    [
      "/createToken",
      JSON.stringify({ hash, description: "", livesMs: 1 }),
      /readOnly: must be true or false/,
    ],
    [
      "/createToken",
      JSON.stringify({ hash, description: "", readOnly: "true", livesMs: 1 }),
      /readOnly: must be/,
    ],
  ];
  for (const [path, body, words] of wrong) {
    const [status, answer] = await ask(dataDir, path, body);
    expect([path, status, (JSON.parse(answer) as { message: string }).message]).toEqual([
      path,
      400,
      expect.stringMatching(words),
    ]);
  }
});

test("a client that sends half of a request does not keep the server from closing", async () => {
  const dataDir = join(folder, "data");
  await start(dataDir);
  const client = connect(controlSocketOf(dataDir));
  const cut = Promise.withResolvers<void>();
  client.on("close", () => cut.resolve()).on("error", () => {});
  // The server has the headers: it has said so.
  const heard = once(client, "data");
  client.write(
    "POST /revokeToken HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 100\r\n\r\n{",
  );
  await heard;
  await server?.close();
  server = null;
  await cut.promise;
});

test("a folder that can have no socket is served, and the log says what that means", async () => {
  const dataDir = join(folder, "data");
  mkdirSync(dataDir);
  // A folder in its place is not removed, and nothing can be bound there.
  mkdirSync(controlSocketOf(dataDir));
  const { url } = await start(dataDir);
  expect(url).toContain("http");
  expect(server?.log.text()).toContain("no socket can be made here");
  const refused = await token(dataDir, "create");
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("stop it first");
});

test("a folder whose path is too long for a socket is served, and a command says what to do", async () => {
  const dataDir = join(folder, "l".repeat(110));
  await start(dataDir);
  expect(server?.log.text()).toContain("too long for a socket");
  const refused = await token(dataDir, "create");
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("too long for a socket (103 bytes); stop it first");
});
