import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parseConfig } from "../src/config/config.ts";
import type { Settings } from "../src/config/settings-table.ts";
import { startServer } from "../src/server.ts";
import { closeToOthers } from "../src/start/file-modes.ts";
import { selfSigned } from "./support/certificate.ts";
import { capturedLog } from "./support/log.ts";

const folder = mkdtempSync(join(tmpdir(), "rollcall-exposure-"));
afterAll(() => rmSync(folder, { recursive: true }));
const pair = selfSigned("localhost");
writeFileSync(join(folder, "cert.pem"), pair.cert);
writeFileSync(join(folder, "key.pem"), pair.key, { mode: 0o600 });
const tls = { "tls-cert": join(folder, "cert.pem"), "tls-key": join(folder, "key.pem") };

/** What a start says about who can reach the server. */
async function said(set: Settings): Promise<{ serving: string; warnings: string[] }> {
  const log = capturedLog();
  const config = parseConfig({ port: "0", "data-dir": ":memory:", "admin-token": "exposure-admin", ...set });
  await (await startServer(config, { log: log.log })).close();
  const lines = log.lines().map(({ level, msg }) => ({ level, msg: String(msg) }));
  return {
    serving: lines.find(({ msg }) => msg.startsWith("serving"))?.msg ?? "",
    warnings: lines.filter(({ level }) => level === 40).map(({ msg }) => msg),
  };
}

const alone = "serving this machine alone; --host 0.0.0.0 lets others in";
const network = "serving the network";

test.each<[string, Settings, string, boolean]>([
  ["by default", {}, alone, false],
  ["on a name of loopback", { host: "localhost" }, alone, false],
  ["on every address", { host: "0.0.0.0" }, network, true],
  ["on every address, with TLS", { host: "0.0.0.0", ...tls }, network, false],
  ["behind a proxy that is named", { host: "0.0.0.0", "trusted-proxies": "10.0.0.1" }, network, false],
  ["behind https", { host: "0.0.0.0", "external-url": "https://r.example" }, network, false],
  ["behind http", { host: "0.0.0.0", "external-url": "http://r.example" }, network, true],
])("a server %s says who can reach it, and warns of clear text", async (_where, set, serving, warns) => {
  const { warnings, ...rest } = await said(set);
  expect(rest).toEqual({ serving });
  expect(warnings).toEqual(warns ? [expect.stringMatching(/^tokens cross the network in clear text/)] : []);
});

test("a TLS key that everybody can read is warned of", async () => {
  chmodSync(tls["tls-key"], 0o644);
  try {
    expect((await said(tls)).warnings).toEqual([expect.stringContaining("can read the TLS key")]);
  } finally {
    chmodSync(tls["tls-key"], 0o600);
  }
});

describe("a data folder", () => {
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

  test("that others can look into is closed at the start, and the log says so", async () => {
    const dir = join(folder, "open");
    const start = async () => {
      const log = capturedLog();
      const config = parseConfig({ port: "0", "data-dir": dir });
      await (await startServer(config, { log: log.log })).close();
      return log.lines().filter(({ level }) => level === 40);
    };
    expect(await start()).toEqual([]);
    chmodSync(dir, 0o755);
    chmodSync(join(dir, "server.key"), 0o644);
    chmodSync(join(dir, "rollcall.db"), 0o660);
    const told = await start();
    expect(told.map(({ msg }) => String(msg).replace(dir, ""))).toEqual([
      expect.stringMatching(/^ was open to others on this machine \(mode 0755\), and is no more \(0750\)/),
      expect.stringMatching(/^\/rollcall\.db was open .* \(mode 0660\), and is no more \(0600\)/),
      expect.stringMatching(/^\/server\.key was open .* \(mode 0644\), and is no more \(0600\)/),
    ]);
    expect([dir, join(dir, "server.key"), join(dir, "rollcall.db")].map(mode)).toEqual(["750", "600", "600"]);
    expect(await start()).toEqual([]);
  });

  test("of a group stays open to it, and so do files that are not the server's", () => {
    const dir = join(folder, "group");
    mkdirSync(dir);
    chmodSync(dir, 0o2770);
    writeFileSync(join(dir, "notes"), "", { mode: 0o644 });
    chmodSync(join(dir, "notes"), 0o644);
    expect(closeToOthers(dir)).toEqual([]);
    expect([mode(dir), mode(join(dir, "notes"))]).toEqual(["770", "644"]);
  });

  test("that is open to everybody and cannot be closed keeps the server from starting", () => {
    const dir = join(folder, "foreign");
    mkdirSync(dir, { mode: 0o700 });
    // Everybody may read it, and not even root may change that.
    symlinkSync("/proc/self/status", join(dir, "server.key"));
    expect(() => closeToOthers(dir)).toThrow(
      /server\.key is open to everybody on this machine \(mode 0444\): its owner has to run chmod 0400 on it \(EPERM/,
    );
  });
});
