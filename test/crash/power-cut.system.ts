import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { afterPowerCut, type DiskEvent, readTrace, traceArguments } from "./power-cut/recorded-disk.ts";
import { randomSource } from "./random.ts";

// What a power cut leaves, worked out from a trace of all that was written and synced: the disk keeps what was synced, and of
// every other sector whichever state it likes. Killing a process cannot show that: the kernel keeps what it has written.

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rollcall-power-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const cuts = 400;
const recorded = new Set(["cut.db", "cut.db-wal", "acknowledged"]);

function record(role: "server" | "liar"): DiskEvent[] {
  const trace = join(folder, "trace");
  const data = join(folder, role);
  mkdirSync(data);
  const program = [process.execPath, join(import.meta.dirname, "power-cut/writer.ts"), data, "400", role];
  execFileSync("strace", [...traceArguments, "-o", trace, ...program], { stdio: "inherit" });
  return readTrace(readFileSync(trace, "utf8"), (file) => recorded.has(basename(file)));
}

/** What is wrong with what is left of a power cut before an event; null when nothing is. */
function damageAt(events: readonly DiskEvent[], cut: number, random: () => number): string | null {
  const place = join(folder, "cut");
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place);
  const left = afterPowerCut(events, cut, random);
  for (const [file, content] of left) writeFileSync(join(place, basename(file)), content);
  const acknowledged = events
    .slice(0, cut)
    .flatMap((event) =>
      event.kind === "write" && event.file.endsWith("acknowledged") ? [event.data.toString().trim()] : [],
    );
  const database = new Database(join(place, "cut.db"));
  try {
    const integrity = String(database.pragma("integrity_check", { simple: true }));
    if (integrity !== "ok") return integrity;
    const kept = new Set(database.prepare<[], string>("SELECT id FROM kept").pluck().all());
    const total = database.prepare<[], number>("SELECT writes FROM total").pluck().get();
    if (total !== kept.size) return `${kept.size} rows, and ${total} counted in the same commits`;
    const lost = acknowledged.filter((id) => !kept.has(id));
    return lost.length === 0 ? null : `${lost.length} acknowledged writes are gone, such as ${lost[0]}`;
  } catch (error) {
    return String(error);
  } finally {
    database.close();
  }
}

/** The first damage that cuts at random places do. */
function firstDamage(events: readonly DiskEvent[]): string | null {
  const random = randomSource(20261128);
  const begun = events.findIndex(({ kind, file }) => kind === "write" && file.endsWith("acknowledged"));
  for (let i = 0; i < cuts; i += 1) {
    const cut = begun + Math.floor(random() * (events.length - begun));
    const damage = damageAt(events, cut, random);
    if (damage !== null) return `at event ${cut} of ${events.length}: ${damage}`;
  }
  return null;
}

test("no power cut takes what was acknowledged, through many checkpoints", () => {
  const events = record("server");
  // Each log has its header at its beginning.
  const logs = events.filter(
    (event) => event.kind === "write" && event.file.endsWith("-wal") && event.at === 0,
  );
  expect(logs.length).toBeGreaterThan(20);
  expect(firstDamage(events)).toBeNull();
}, 120_000);

test("it would be noticed: a server that does not wait for the disk loses what it acknowledged, or damages its database", () => {
  expect(firstDamage(record("liar"))).not.toBeNull();
}, 120_000);
