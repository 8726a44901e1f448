import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Command } from "commander";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { NamedFinding } from "../../src/cli/doctor.ts";
import { doctorCommand } from "../../src/cli/doctor.ts";
import { run } from "../../src/cli/run.ts";
import { selfSigned } from "../support/certificate.ts";
import { type CommandProcess, listening, runCommand, startCommand } from "../support/command.ts";
import { runInProcess } from "../support/command-in-process.ts";
import { freePort } from "../support/free-port.ts";
import { postJson } from "../support/http.ts";
import { fakeTerminal } from "../support/terminal.ts";

const dayMs = 24 * 60 * 60 * 1000;

let folder: string;
/** The data of a server that has stopped, made once and copied for each test. */
let original: string;
let dataDir: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "rollcall-doctor-"));
  original = join(folder, "original");
  const server = startCommand(["serve", "--port", "0", "--data-dir", original]);
  const runner = {
    name: "with a secret",
    provider: "RUNNER_PROVIDER_GCP",
    spec: {
      configuration: { metrics: { enabled: true, url: "https://m.example", username: "u", password: "p" } },
    },
  };
  const url = await listening(server);
  const token = readFileSync(join(original, "admin-token"), "utf8").trim();
  const headers = { authorization: `Bearer ${token}` };
  expect((await postJson(url, "gitpod.v1.RunnerService/CreateRunner", runner, headers)).status).toBe(200);
  server.process.kill("SIGTERM");
  expect(await server.exited).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  dataDir = mkdtempSync(join(folder, "data-"));
  cpSync(original, dataDir, { recursive: true });
  chmodSync(dataDir, 0o700);
});

/** What was found, as `rollcall doctor --output json` prints it. */
async function found(words: readonly string[], nowMs = Date.now()): Promise<NamedFinding[]> {
  const terminal = fakeTerminal();
  const program = new Command().addCommand(doctorCommand(terminal, { now: () => nowMs }));
  await run(program, ["doctor", "--output", "json", "--data-dir", dataDir, ...words], terminal);
  return JSON.parse(terminal.printed.join(""));
}

async function only(check: string, ...words: string[]): Promise<NamedFinding[]> {
  return found(["--only", check, ...words]);
}

describe("beside a server", () => {
  let server: CommandProcess;
  let port: string;
  let served: string;
  beforeAll(async () => {
    port = await freePort();
    served = mkdtempSync(join(folder, "served-"));
    cpSync(original, served, { recursive: true });
    server = startCommand(["serve", "--port", port, "--data-dir", served]);
    await listening(server);
  });
  beforeEach(() => {
    dataDir = served;
  });
  afterAll(async () => {
    server.process.kill("SIGCONT");
    server.process.kill("SIGTERM");
    expect(await server.exited).toBe(0);
  });

  test("all is well, and stays as it is", async () => {
    const list = () =>
      readdirSync(dataDir)
        .filter((name) => name !== "control.sock")
        .map((name) => [name, readFileSync(join(dataDir, name)).toString("base64")]);
    const before = list();
    const { code, stdout, stderr } = await runCommand(["doctor", "--data-dir", dataDir, "--port", port]);
    expect(stdout).not.toMatch(/^fail/m);
    for (const line of [
      /^ok +runtime +rollcall \d+\.\d+\.\d+, Node\.js v\d+/m,
      /^ok +files +\S+ and its files are private/m,
      /^ok +disk +a synced write takes \d+\.\d ms/m,
      /^ok +clock +the clock says 20/m,
      new RegExp(`^ok +port +the server listens on 127\\.0\\.0\\.1 port ${port}$`, "m"),
      /^ok +server +the server answers in \d+ ms and is ready$/m,
      /^ok +database +sound, 2 runners, \d+ kB$/m,
    ]) {
      expect(stdout).toMatch(line);
    }
    expect([code, stderr]).toEqual([0, ""]);
    // The index of the log holds the marks of readers.
    const kept = (files: string[][]) => files.filter(([name]) => !name?.endsWith("-shm"));
    expect(kept(list())).toEqual(kept(before));
  });

  test("settings that are not those of the server are found", async () => {
    const other = await freePort();
    expect(await only("port", "--port", other)).toMatchObject([
      { level: "fail", found: expect.stringContaining(`nobody listens on 127.0.0.1 port ${other}`) },
    ]);
    expect(await only("server", "--port", other)).toMatchObject([
      { level: "fail", found: expect.stringContaining("ECONNREFUSED") },
    ]);
  });

  test("another data folder's doctor finds the port taken", async () => {
    const data = join(folder, "elsewhere");
    expect(await only("port", "--port", port, "--data-dir", data)).toMatchObject([
      { level: "fail", found: `127.0.0.1 port ${port} is taken by a server with another data folder` },
    ]);
  });

  test("one that does not answer any more is found", async () => {
    server.process.kill("SIGSTOP");
    expect(await only("server", "--port", port)).toMatchObject([
      { level: "fail", found: "the server does not answer /healthz: no answer within 5 s" },
    ]);
  });
});

describe("without a server", () => {
  test("a port that another program has", async () => {
    const other = net.createServer((socket) => socket.resume().end("HELLO\r\n"));
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as net.AddressInfo;
    expect(await only("port", "--port", String(port))).toMatchObject([
      { level: "fail", found: `127.0.0.1 port ${port} is taken by another program` },
    ]);
    await new Promise((resolve) => other.close(resolve));
    expect(await only("port", "--port", String(port))).toMatchObject([{ level: "ok" }]);
  });

  test("an address that is none of this machine's", async () => {
    expect(await only("port", "--host", "192.0.2.1")).toMatchObject([
      { level: "fail", found: "the server cannot listen on 192.0.2.1 port 7655: EADDRNOTAVAIL" },
    ]);
  });

  test("fewer open files than connections", async () => {
    const words = ["doctor", "--only", "open-files", "--max-connections", "5000"];
    expect((await runCommand(words, {}, ["prlimit", "--nofile=500:500"])).stdout).toMatch(
      /^warn +open-files +500 files may be open in this shell, and --max-connections 5000 may want 5100: /,
    );
    expect((await runCommand(words, {}, ["prlimit", "--nofile=6000:6000"])).stdout).toMatch(/^ok /);
  });

  test.each([
    ["server.key", 0o640, "0640", "chmod 0600"],
    ["rollcall.db", 0o644, "0644", "chmod 0600"],
    ["admin-token", 0o604, "0604", "chmod 0600"],
    [".", 0o755, "0755", "chmod 0750"],
  ])("%s with mode %o", async (name, mode, octal, remedy) => {
    const path = join(dataDir, name);
    chmodSync(path, mode);
    expect(await only("files")).toEqual([
      {
        check: "files",
        level: "fail",
        found: `${path} is open to other users (mode ${octal})`,
        remedy: `${remedy} ${path}`,
      },
    ]);
  });

  test("a server.key that is lost, or is none", async () => {
    const key = join(dataDir, "server.key");
    writeFileSync(key, "not a key");
    expect(await only("files")).toMatchObject([
      { level: "fail", found: expect.stringMatching(/is not a server key/) },
    ]);
    rmSync(key);
    expect(await only("files")).toMatchObject([{ level: "fail", found: expect.stringMatching(/is gone/) }]);
  });

  test("no data folder yet, and one that cannot be", async () => {
    expect(await only("files", "--data-dir", join(dataDir, "a/b"))).toMatchObject([
      { level: "warn", remedy: expect.stringMatching(/first start makes it/) },
    ]);
    const file = join(dataDir, "admin-token");
    expect(await only("files", "--data-dir", file)).toMatchObject([
      { level: "fail", found: `${file} is not a folder` },
    ]);
    expect(await only("files", "--data-dir", ":memory:")).toMatchObject([{ level: "warn" }]);
  });

  test("a write-ahead log that is never folded in", async () => {
    execFileSync("truncate", ["--size", "300M", join(dataDir, "rollcall.db-wal")]);
    expect(await only("disk")).toContainEqual(
      expect.objectContaining({ level: "warn", found: "the write-ahead log has grown to 315 MB" }),
    );
  });

  test("a clock that is behind what the database knows", async () => {
    const wellPast = await found(["--only", "clock"], Date.now() - dayMs);
    expect(wellPast).toMatchObject([
      { level: "fail", found: expect.stringMatching(/and the database knows of 20/) },
    ]);
    expect(await only("clock")).not.toContainEqual(expect.objectContaining({ level: "fail" }));
  });

  test("a damaged database, and one of an older schema", async () => {
    const file = join(dataDir, "rollcall.db");
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(0xa5, 8192, bytes.length - 8192));
    expect(await only("database")).toContainEqual(expect.objectContaining({ level: "fail" }));
    const fixture = join(import.meta.dirname, "../upgrade/fixtures/0000_start");
    writeFileSync(file, gunzipSync(readFileSync(join(fixture, "rollcall.db.gz"))));
    cpSync(join(fixture, "server.key"), join(dataDir, "server.key"));
    expect(await only("database")).toMatchObject([
      { level: "ok", found: expect.stringMatching(/older schema/) },
    ]);
    expect(await only("clock")).not.toContainEqual(expect.objectContaining({ level: "fail" }));
  });

  test("a server.key of another database", async () => {
    writeFileSync(join(dataDir, "server.key"), "ab".repeat(32));
    expect(await only("database")).toMatchObject([
      {
        level: "fail",
        found: expect.stringMatching(/^server\.key opens 0 of the \d+ secrets that are kept$/),
      },
    ]);
  });

  test("backups: none, an old one, a new one", async () => {
    const backups = join(dataDir, "backups");
    const look = () => only("backups", "--backups", backups);
    expect(await look()).toMatchObject([{ level: "fail", found: expect.stringMatching(/ENOENT/) }]);
    mkdirSync(backups);
    expect(await look()).toMatchObject([{ level: "fail", found: `no backup (*.db) is in ${backups}` }]);
    const file = join(backups, "rollcall-2026-01-15.db");
    expect((await runInProcess(["backup", file, "--data-dir", dataDir])).code).toBe(0);
    expect(await look()).toMatchObject([{ level: "ok", found: "the newest of 1 backups is 0.0 h old" }]);
    utimesSync(file, (Date.now() - 2 * dayMs) / 1000, (Date.now() - 2 * dayMs) / 1000);
    expect(await look()).toMatchObject([{ level: "warn", found: "the newest of 1 backups is 48.0 h old" }]);
  });
});

describe("TLS", () => {
  let cert: string;
  let key: string;
  beforeEach(() => {
    cert = join(dataDir, "cert.pem");
    key = join(dataDir, "key.pem");
    const pair = selfSigned("first", 30);
    writeFileSync(cert, pair.cert);
    writeFileSync(key, pair.key, { mode: 0o600 });
  });
  const tls = (...words: string[]) => only("tls", "--tls-cert", cert, "--tls-key", key, ...words);
  const inDays = (days: number) =>
    found(["--only", "tls", "--tls-cert", cert, "--tls-key", key], Date.now() + days * dayMs);

  test("a certificate, its key and its dates", async () => {
    expect(await tls()).toMatchObject([{ level: "ok", found: expect.stringMatching(/ is valid until 20/) }]);
    expect(await inDays(20)).toMatchObject([
      { level: "warn", found: expect.stringMatching(/CN=first.* expires on/) },
    ]);
    expect(await inDays(31)).toMatchObject([
      { level: "fail", found: expect.stringMatching(/has expired on/) },
    ]);
    expect(await inDays(-1)).toMatchObject([
      { level: "fail", found: expect.stringMatching(/is not valid before/) },
    ]);
  });

  test("a key of another certificate", async () => {
    writeFileSync(key, selfSigned("second").key);
    expect(await tls()).toMatchObject([
      { level: "fail", found: `the first certificate in ${cert} does not belong to the key in ${key}` },
    ]);
  });

  test("a key that everybody can read", async () => {
    chmodSync(key, 0o644);
    expect(await tls()).toMatchObject([{ level: "fail", found: `every user can read ${key}` }]);
  });

  test("files that are gone, or hold something else", async () => {
    writeFileSync(cert, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    const noCertificate = [{ level: "fail", found: `${cert} holds no whole certificates in PEM` }];
    expect(await tls()).toMatchObject(noCertificate);
    writeFileSync(cert, "nothing of the kind");
    expect(await tls()).toMatchObject(noCertificate);
    rmSync(key);
    expect(await tls()).toMatchObject([
      { level: "fail", found: expect.stringContaining(`${key} cannot be read: ENOENT`) },
    ]);
  });

  test("a chain, and one in the wrong order", async () => {
    const at = (name: string) => join(dataDir, name);
    const openssl = (...words: string[]) => execFileSync("openssl", words, { stdio: "pipe" });
    openssl(..."req -newkey rsa:2048 -nodes -subj /CN=leaf -keyout".split(" "), key, "-out", at("request"));
    const signing = selfSigned("authority", 40);
    writeFileSync(at("ca.pem"), signing.cert);
    writeFileSync(at("ca.key"), signing.key);
    const by = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "30"];
    openssl("x509", "-req", "-in", at("request"), "-out", at("leaf.pem"), ...by);
    chmodSync(key, 0o600);
    writeFileSync(cert, Buffer.concat([readFileSync(at("leaf.pem")), signing.cert]));
    expect(await tls()).toMatchObject([{ level: "ok" }]);
    writeFileSync(cert, Buffer.concat([readFileSync(at("leaf.pem")), selfSigned("stranger", 40).cert]));
    expect(await tls()).toMatchObject([
      { level: "fail", found: `${cert}: CN=leaf was not issued by the one after it, CN=stranger` },
    ]);
  });

  test("a name that the certificate is not for, and clear text for all the world", async () => {
    expect(await tls("--external-url", "https://rollcall.example")).toMatchObject([
      { level: "warn", found: expect.stringMatching(/is for .*localhost.*, not for rollcall\.example/) },
    ]);
    expect(await tls("--external-url", "https://localhost:7655")).toMatchObject([{ level: "ok" }]);
    expect(await tls("--external-url", "https://127.0.0.1:7655")).toMatchObject([{ level: "ok" }]);
    expect(await only("tls", "--host", "0.0.0.0")).toMatchObject([{ level: "warn" }]);
    expect(
      await only("tls", "--host", "0.0.0.0", "--external-url", "https://rollcall.example"),
    ).toMatchObject([{ level: "ok" }]);
  });

  test("a server that still shows the certificate of before", async () => {
    const port = await freePort();
    const words = ["--port", port, "--tls-cert", cert, "--tls-key", key];
    const server = startCommand(["serve", "--data-dir", dataDir, ...words]);
    await listening(server);
    expect(await only("server", ...words)).toMatchObject([{ level: "ok" }]);
    expect(await runCommand(["health", ...words])).toMatchObject({ code: 0 });
    writeFileSync(cert, selfSigned("renewed", 30).cert);
    expect(await only("server", ...words)).toMatchObject([
      { level: "warn", found: expect.stringContaining("shows another certificate than") },
    ]);
    server.process.kill("SIGTERM");
    expect(await server.exited).toBe(0);
  });
});

test("words that are none of its own are refused", async () => {
  expect(await runInProcess(["doctor", "--only", "weather"])).toMatchObject({ code: 2 });
  expect(existsSync(dataDir)).toBe(true);
});
