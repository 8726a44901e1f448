import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { storeFiles } from "../../start/open-store.ts";
import { keyProblems } from "../check.ts";
import { type Finding, fail, ok, type Patient, sizeOf, warn } from "./finding.ts";

/** A daily backup that is late by an hour has been missed, in milliseconds. */
const backupAgeMs = 25 * 60 * 60 * 1000;

/** What `rollcall check` looks at. */
export function database({ config, database }: Patient): Finding[] {
  if (database === null) return [];
  if (!existsSync(database)) return [warn(`${database} is not there`, "the first start makes it")];
  const { schema, problems, counts } = storeFiles.check(database);
  const remedy = "stop the server and restore a backup: docs/operations/backup.md";
  if (problems.length > 0) return problems.map((problem) => fail(problem, remedy));
  const wrongKeys = keyProblems(database, config.dataDir);
  if (wrongKeys.length > 0)
    return wrongKeys.map((problem) => fail(problem, "put the right one back: docs/decisions/secrets.md"));
  if (schema === "older")
    return [ok("sound, of an older schema, which the next start migrates: back it up before")];
  return [ok(`sound, ${counts.runners} runners, ${sizeOf(sizeOnDisk(database))}`)];
}

/** How old the newest backup is, where the operator says where they are. */
export function backups({ backups, nowMs }: Patient): Finding[] {
  if (backups === null) return [];
  const remedy = "see the timer's log, and docs/operations/backup.md";
  const files = readdirSync(backups).filter((name) => name.endsWith(".db"));
  const newest = Math.max(...files.map((name) => statSync(join(backups, name)).mtimeMs));
  if (files.length === 0) return [fail(`no backup (*.db) is in ${backups}`, remedy)];
  const found = `the newest of ${files.length} backups is ${((nowMs - newest) / 3_600_000).toFixed(1)} h old`;
  return [nowMs - newest > backupAgeMs ? warn(found, remedy) : ok(found)];
}

/** What a database takes, with what is only in its write-ahead log yet. */
function sizeOnDisk(database: string): number {
  return [database, `${database}-wal`]
    .map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + size);
}
