import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ConfigError, parseConfig } from "../../src/config/config.ts";
import { settings } from "../../src/config/settings-table.ts";
import { readSources } from "../../src/config/sources.ts";
import { runInProcess } from "../support/command-in-process.ts";

const folder = mkdtempSync(join(tmpdir(), "rollcall-settings-file-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "rollcall.toml");

function fileOf(...lines: readonly (string | Buffer)[]): string {
  writeFileSync(path, Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from("\n")])));
  return path;
}

function problemsOf(file: string): string[] {
  try {
    readSources({}, file, {});
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n");
    throw error;
  }
  return [];
}

test("every kind of value is taken, and means the same as its flag", () => {
  const { set } = readSources(
    {},
    fileOf(
      'host = "0.0.0.0"',
      "port = 8_443",
      "reflection = false",
      'remove-stale-after = "never"',
      "renew-interval = 20",
      'trusted-proxies = ["10.0.0.0/8", "192.0.2.1"]',
      'tls-client-auth = "optional"',
      "tls-cert = '/c.pem'",
      "tls-key = '/k.pem'",
      "tls-client-ca = '/a.pem'",
    ),
    { XDG_DATA_HOME: "/data" },
  );
  expect(parseConfig(set)).toEqual(
    parseConfig({
      host: "0.0.0.0",
      port: "8443",
      reflection: "off",
      "remove-stale-after": "never",
      "renew-interval": "20",
      "trusted-proxies": "10.0.0.0/8,192.0.2.1",
      "tls-client-auth": "optional",
      "tls-cert": "/c.pem",
      "tls-key": "/k.pem",
      "tls-client-ca": "/a.pem",
      "data-dir": "/data/rollcall",
    }),
  );
});

describe("what cannot be used is named with its line and rule", () => {
  test.each([
    ["port = 70000", 'port must be a whole number from 0 to 65535, not "70000"'],
    ['port = "7655"', 'port must be a whole number from 0 to 65535, not the text "7655"'],
    ["port = 1.0", "port must be a whole number from 0 to 65535, not 1"],
    ["port = 2026-01-01", "port must be a whole number from 0 to 65535, not a date"],
    [
      'renew-grace = "soon"',
      'renew-grace must be a whole number of seconds from 1 to 3600, not the text "soon"',
    ],
    [
      "remove-stale-after = true",
      "remove-stale-after must be never, or a whole number of days from 1 to 3650, not true",
    ],
    ['reflection = "off"', 'reflection must be true or false, not the text "off"'],
    ['cors-origins = "*"', 'cors-origins must be a list of texts such as ["one", "two"], not the text "*"'],
    ["cors-origins = [1]", 'cors-origins must be a list of texts such as ["one", "two"], not a list'],
    ["host = 127", "host must be a text in quotes, not 127"],
    ["host = { a = 1 }", "host must be a text in quotes, not a table"],
    ["log-level = 3", "log-level must be one of debug, info, warn, error, silent, in quotes, not 3"],
    ['host = ""', "host must not be empty"],
    ["prot = 1", "prot is no setting of this version; did you mean port?"],
    ["max_runners = 1", "max_runners is no setting of this version; did you mean max-runners?"],
    ["frobnicate = 1", "frobnicate is no setting of this version"],
    ["__proto__ = 1", "__proto__ is no setting of this version"],
    ["[server]", "server is a table: keys are the flags without dashes, and stand in no table"],
    [
      'admin-token = "a-secret-token"',
      "admin-token is a secret, and not read from a settings file: set ROLLCALL_ADMIN_TOKEN or admin-token-file",
    ],
  ])("%s", async (line, problem) => {
    const { code, stdout, stderr } = await runInProcess(["config", "--config", fileOf("# two", line)]);
    expect([code, stdout, stderr]).toEqual([2, "", `${problem} (${path}:2)\n`]);
  });

  test("all of them at once", () => {
    expect(problemsOf(fileOf("prot = 1", 'port = ""', "host = 1"))).toHaveLength(3);
  });

  test("the line is left out where a text of several lines looks like a key, too", () => {
    expect(problemsOf(fileOf('host = """', "port = 1", '"""', 'port = "x"'))).toEqual([
      `port must be a whole number from 0 to 65535, not the text "x" (${path})`,
    ]);
  });

  test("a long value is cut short", () => {
    expect(problemsOf(fileOf(`port = "${"9".repeat(5000)}"`))[0]?.length).toBeLessThan(300);
    expect(problemsOf(fileOf(`${"k".repeat(5000)} = 1`))[0]?.length).toBeLessThan(300);
  });
});

describe("a file that is no settings file is refused", () => {
  test("with the place of the fault, but not its lines, which may hold a secret", () => {
    const [problem = "", ...more] = problemsOf(fileOf("port = 1", "admin-token = my-secret-token"));
    expect([problem, more]).toEqual([
      expect.stringMatching(/^not TOML: .+ \(.*rollcall\.toml:2, column \d+\)$/),
      [],
    ]);
    expect(problem).not.toContain("secret");
    expect(problemsOf(fileOf("port = 1", "port = 2"))).toEqual([expect.stringContaining("rollcall.toml:2")]);
  });

  test("when it is missing, a folder, too large, or not UTF-8", () => {
    mkdirSync(join(folder, "folder"));
    expect(problemsOf(join(folder, "missing.toml"))).toEqual([
      expect.stringMatching(/^config cannot be read: ENOENT.*missing\.toml/),
    ]);
    expect(problemsOf(join(folder, "folder"))).toEqual([
      expect.stringMatching(/^config cannot be read: EISDIR/),
    ]);
    expect(problemsOf("/dev/zero")).toEqual(["config is larger than 256 KiB: /dev/zero"]);
    expect(problemsOf(fileOf(Buffer.from([0x23, 0xff])))).toEqual([`config is not a text in UTF-8: ${path}`]);
  });
});

test("flag over variable over file over default, and each is named", async () => {
  const file = fileOf('host = "10.0.0.1"', "", "port = 1", "max-runners = 7");
  const { code, stdout, stderr } = await runInProcess(
    ["config", "--show-origin", "--host", "10.0.0.3", "--data-dir", "/d"],
    {
      ROLLCALL_CONFIG: file,
      ROLLCALL_HOST: "10.0.0.2",
      ROLLCALL_PORT: "2",
      ROLLCALL_ADMIN_TOKEN: "a-secret-token",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318",
    },
  );
  expect([code, stderr]).toEqual([0, ""]);
  const rows = stdout.trimEnd().split("\n");
  expect(rows).toHaveLength(1 + settings.length);
  const row = (flag: string) => rows.find((line) => line.startsWith(`${flag} `))?.split(/ {2,}/);
  expect(row("host")).toEqual(["host", "10.0.0.3", "--host"]);
  expect(row("port")).toEqual(["port", "2", "ROLLCALL_PORT"]);
  expect(row("max-runners")).toEqual(["max-runners", "7", `${file}:4`]);
  expect(row("max-streams")).toEqual(["max-streams", "256", "default"]);
  expect(row("otlp-endpoint")).toEqual(["otlp-endpoint", "http://c:4318", "OTEL_EXPORTER_OTLP_ENDPOINT"]);
  expect(row("admin-token")).toEqual(["admin-token", "(set)", "ROLLCALL_ADMIN_TOKEN"]);
  expect(stdout).not.toContain("a-secret-token");
});

test("the flag of a settings file wins over its variable, and a file over OpenTelemetry's own variables", async () => {
  const file = fileOf('otlp-endpoint = "http://c:4318"');
  const { code, stdout, stderr } = await runInProcess(["config", "--config", file], {
    ROLLCALL_CONFIG: join(folder, "missing.toml"),
    OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317",
  });
  expect([code, stderr]).toEqual([0, ""]);
  expect(JSON.parse(stdout)).toMatchObject({ tracing: { endpoint: "http://c:4318" } });
});

test("a command that takes the data folder alone takes it from the file, too", async () => {
  const file = fileOf(`data-dir = "${join(folder, "elsewhere")}"`);
  const backup = join(folder, "copy.db");
  for (const words of [
    ["token", "list"],
    ["audit"],
    ["stale"],
    ["check"],
    ["server-key", "rotate"],
    ["backup", backup],
  ]) {
    const { code, stderr } = await runInProcess([...words, "--config", file]);
    expect([words, code, stderr]).toEqual([words, 1, expect.stringContaining(join(folder, "elsewhere"))]);
  }
});
