import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import type { Certificate } from "../../src/http/connections/handshake.ts";
import { CertificateKeeper } from "../../src/tls/certificate-keeper.ts";
import { authority, type KeyPair, selfSigned } from "../support/certificate.ts";
import { type TestClock, testClock } from "../support/clock.ts";
import { type CapturedLog, capturedLog } from "../support/log.ts";

const dayMs = 24 * 60 * 60 * 1000;
const first = selfSigned("first", 90);
const second = selfSigned("second", 90);
const folder = mkdtempSync(join(tmpdir(), "rollcall-keeper-"));
afterAll(() => rmSync(folder, { recursive: true }));

const files = { certFile: join(folder, "cert.pem"), keyFile: join(folder, "key.pem"), clientCaFile: null };
let clock: TestClock;
let log: CapturedLog;
let keeper: CertificateKeeper;
let taken: Certificate[];
beforeEach(async () => {
  put(first);
  clock = testClock(Date.now());
  log = capturedLog();
  taken = [];
  keeper = await CertificateKeeper.open({ files, clock, log: log.log });
  keeper.onChange((certificate) => taken.push(certificate));
  await keeper.run();
});
afterEach(() => keeper.stop());

function put({ cert, key }: KeyPair): void {
  writeFileSync(files.certFile, cert);
  writeFileSync(files.keyFile, key, { mode: 0o600 });
}

const messages = (level: number) =>
  log
    .lines()
    .filter((line) => line.level === level)
    .map((line) => `${line.msg} ${line.why ?? ""}`);

test("takes up what has stood for one look, and tells until when it is valid", async () => {
  expect(log.lines()).toMatchObject([
    { msg: "TLS certificate", names: "CN=first; DNS:localhost, IP Address:127.0.0.1" },
  ]);
  put(second);
  await keeper.look();
  expect(taken).toEqual([]);
  await keeper.look();
  expect(taken).toEqual([second]);
  await keeper.look();
  expect(taken).toHaveLength(1);
  const told = log.lines().at(-1);
  expect(told).toMatchObject({ level: 30, msg: "another TLS certificate for new connections" });
  expect(told?.names).toBe("CN=second; DNS:localhost, IP Address:127.0.0.1");
  expect(Date.parse(String(told?.notAfter)) - Date.now()).toBeGreaterThan(89 * dayMs);
});

test("takes a change up at once when it is told to, and says when there is none", async () => {
  await keeper.reload();
  expect(taken).toEqual([]);
  expect(log.lines().at(-1)?.msg).toBe("the TLS certificate is the one that is in use");
  put(second);
  await keeper.reload();
  expect(taken).toEqual([second]);
});

test.each([
  [
    "a certificate without its key",
    () => writeFileSync(files.certFile, second.cert),
    /does not belong to the key/,
  ],
  [
    "a key without its certificate",
    () => writeFileSync(files.keyFile, second.key),
    /does not belong to the key/,
  ],
  [
    "half a certificate",
    () => writeFileSync(files.certFile, second.cert.subarray(0, 300)),
    /no whole certificates/,
  ],
  [
    "a chain that breaks off",
    () => writeFileSync(files.certFile, Buffer.concat([first.cert, second.cert.subarray(0, 300)])),
    /no whole certificates/,
  ],
  ["half a key", () => writeFileSync(files.keyFile, second.key.subarray(0, 100)), /no private key in PEM/],
  ["an empty file", () => writeFileSync(files.certFile, ""), /no whole certificates/],
  ["no file", () => rmSync(files.keyFile), /cannot be read: ENOENT/],
])("keeps the old one for %s, and says so once", async (_what, spoil, why) => {
  spoil();
  for (let look = 0; look < 5; look += 1) await keeper.look();
  expect(taken).toEqual([]);
  expect(messages(50)).toEqual([expect.stringMatching(why)]);
  // The other half arrives.
  put(second);
  for (let look = 0; look < 2; look += 1) await keeper.look();
  expect(taken).toEqual([second]);
});

test("keeps a valid one when the new one has expired", async () => {
  put(authority("old").issue("old", { days: 0 }));
  clock.advance(1000);
  await keeper.reload();
  expect(taken).toEqual([]);
  expect(messages(50)).toEqual([expect.stringMatching(/is valid from .* to .* only/)]);
});

test("sees links that are pointed elsewhere, as Kubernetes renews a secret", async () => {
  const mount = join(folder, "mount");
  for (const [name, pair] of Object.entries({ one: first, two: second })) {
    mkdirSync(join(mount, name), { recursive: true });
    writeFileSync(join(mount, name, "tls.crt"), pair.cert);
    writeFileSync(join(mount, name, "tls.key"), pair.key);
  }
  symlinkSync("one", join(mount, "..data"));
  symlinkSync("..data/tls.crt", join(mount, "tls.crt"));
  symlinkSync("..data/tls.key", join(mount, "tls.key"));
  const linked = { certFile: join(mount, "tls.crt"), keyFile: join(mount, "tls.key"), clientCaFile: null };
  const other = await CertificateKeeper.open({ files: linked, clock, log: log.log });
  other.onChange((certificate) => taken.push(certificate));
  symlinkSync("two", join(mount, "..data_tmp"));
  renameSync(join(mount, "..data_tmp"), join(mount, "..data"));
  for (let look = 0; look < 2; look += 1) await other.look();
  expect(taken).toEqual([second]);
});

test("warns once a day of an end that is near, and more loudly once it has come", async () => {
  const warned = () => [messages(40).length, messages(50).length];
  await keeper.look();
  clock.advance(75 * dayMs);
  await keeper.look();
  expect(warned()).toEqual([0, 0]);
  clock.advance(2 * dayMs);
  for (let look = 0; look < 3; look += 1) await keeper.look();
  expect(warned()).toEqual([1, 0]);
  clock.advance(dayMs);
  await keeper.look();
  expect(warned()).toEqual([2, 0]);
  clock.advance(13 * dayMs);
  await keeper.look();
  expect(warned()).toEqual([2, 1]);
});

test("does not warn of one that lives for two days until they are nearly over", async () => {
  put(selfSigned("short-lived", 2));
  await keeper.reload();
  clock.advance(dayMs);
  await keeper.look();
  expect(messages(40)).toEqual([]);
  clock.advance(0.5 * dayMs);
  await keeper.look();
  expect(messages(40)).toHaveLength(1);
});

test.each([
  ["missing", () => rmSync(files.certFile), /cert\.pem cannot be read: ENOENT/],
  ["mismatched", () => writeFileSync(files.keyFile, second.key), /does not belong to the key in .*key\.pem/],
])("a %s file keeps it from opening", async (_what, spoil, why) => {
  spoil();
  await expect(CertificateKeeper.open({ files, clock, log: log.log })).rejects.toThrow(why);
});
