import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { groups, settings, variableOf } from "../../src/config/settings-table.ts";
import { listening, startCommand } from "../support/command.ts";
import { runInProcess } from "../support/command-in-process.ts";

const folder = mkdtempSync(join(tmpdir(), "rollcall-settings-"));
afterAll(() => rmSync(folder, { recursive: true }));

test.each(["serve", "config", "doctor"])(
  "%s --help shows every setting with its variable, range and default, in groups, the common ones first",
  async (command) => {
    const { code, stdout } = await runInProcess([command, "--help"]);
    expect(code).toBe(0);
    // The width of the terminal breaks lines.
    const help = stdout.replaceAll(/\s+/g, " ");
    const places = groups.map(({ title }) => stdout.indexOf(`\n${title}:\n`));
    expect(places.every((place) => place > 0)).toBe(true);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    for (const setting of settings) {
      expect(help).toContain(variableOf(setting.flag));
      expect(help).toContain(setting.help);
      if (setting.isSecret) expect(help).not.toContain(`--${setting.flag} <`);
      else expect(help).toContain(`--${setting.flag} <${setting.value}> ${setting.help} [`);
      if (setting.range !== "") expect(help).toContain(`${variableOf(setting.flag)}, ${setting.range},`);
      if (setting.fallback !== "") expect(help).toContain(`default ${setting.fallback}`);
    }
  },
);

test("a server starts with what a settings file says, and a command beside it finds its data folder there", async () => {
  const file = join(folder, "rollcall.toml");
  writeFileSync(file, `port = 0\ndata-dir = "${join(folder, "data")}"\nhost = "127.0.0.1"\n`);
  const server = startCommand(["serve", "--config", file]);
  try {
    expect(await listening(server)).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const { code, stdout } = await runInProcess(["token", "list"], { ROLLCALL_CONFIG: file });
    expect([code, stdout.split("\n")]).toEqual([0, [expect.stringMatching(/^ID/), expect.any(String), ""]]);
  } finally {
    server.process.kill("SIGKILL");
    await server.exited;
  }
});

test("a server does not start with a settings file that is wrong", async () => {
  const file = join(folder, "wrong.toml");
  writeFileSync(file, "prot = 0\n");
  expect(await runInProcess(["serve"], { ROLLCALL_CONFIG: file })).toEqual({
    code: 2,
    stdout: "",
    stderr: `prot is no setting of this version; did you mean port? (${file}:1)\n`,
  });
});
