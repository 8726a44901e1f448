import { accessSync, constants, existsSync, readdirSync, type Stats, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { existingServerKeys } from "../../start/data-dir.ts";
import { octal, others, ownFiles } from "../../start/file-modes.ts";
import { type Finding, fail, ok, type Patient, warn } from "./finding.ts";

/** The data folder and what lies in it: whose it is, and who else can read it. */
export function files({ config, database }: Patient): Finding[] {
  const { dataDir } = config;
  if (database === null)
    return [warn("nothing is kept: --data-dir is :memory:", "name a folder to keep it in")];
  if (!existsSync(dataDir)) return [missing(dataDir)];
  const folder = statSync(dataDir);
  if (!folder.isDirectory()) return [fail(`${dataDir} is not a folder`, "choose another --data-dir")];
  const found = [
    ...entries(dataDir).flatMap(([path, entry]) => wrongWith(path, entry, folder)),
    ...key(dataDir),
  ];
  if (!may(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)) {
    found.push(
      fail(`this user cannot write to ${dataDir}`, "run this, and the server, as the folder's owner"),
    );
  }
  return found.length > 0 ? found : [ok(`${dataDir} and its files are private to their user`)];
}

function missing(dataDir: string): Finding {
  let parent = dirname(dataDir);
  while (!existsSync(parent)) parent = dirname(parent);
  if (may(parent, constants.W_OK)) {
    return warn(
      `${dataDir} is not there`,
      "the first start makes it; if one has been before, correct --data-dir",
    );
  }
  return fail(
    `${dataDir} is not there, and this user may not make it in ${parent}`,
    "make it, of the server's user",
  );
}

/** The folder, and everything in it that is rollcall's own. */
function entries(dataDir: string): [string, Stats][] {
  const own = readdirSync(dataDir).filter((name) => ownFiles.test(name));
  return [dataDir, ...own.map((name) => join(dataDir, name))].flatMap((path) => {
    const entry = statSync(path, { throwIfNoEntry: false });
    return entry === undefined ? [] : [[path, entry] as [string, Stats]];
  });
}

function wrongWith(path: string, entry: Stats, folder: Stats): Finding[] {
  const found: Finding[] = [];
  const refused = entry.isDirectory() ? others.folder : others.file;
  if ((entry.mode & refused) !== 0) {
    const remedy = `chmod ${octal(entry.mode & ~refused)} ${path}`;
    found.push(fail(`${path} is open to other users (mode ${octal(entry.mode)})`, remedy));
  }
  if (entry.uid !== folder.uid) {
    found.push(
      fail(
        `${path} belongs to user ${entry.uid}, its folder to user ${folder.uid}`,
        `chown ${folder.uid} ${path}, and run rollcall as that user only`,
      ),
    );
  }
  return found;
}

function key(dataDir: string): Finding[] {
  if (!existsSync(join(dataDir, "rollcall.db"))) return [];
  try {
    existingServerKeys(dataDir);
    return [];
  } catch (error) {
    return [
      fail(
        Error.isError(error) ? error.message : String(error),
        "docs/decisions/secrets.md says what is lost",
      ),
    ];
  }
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
