import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { writeSecretFile } from "../../src/lib/files.ts";
import { openDataDir, UnusableServerKeyError } from "../../src/start/data-dir.ts";
import { openStore, storeFiles } from "../../src/start/open-store.ts";
import { DatabaseInUseError, lockDatabase } from "../../src/store/sqlite/engine/lock.ts";
import { openConnection, openWriter, UnusableDatabaseError } from "../../src/store/sqlite/engine/open.ts";
import { printed, startProcess } from "../support/command.ts";
import { foundingOf } from "../support/records.ts";

type Role = "server" | "tool" | "reader";

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "rollcall-open-"));
  file = join(dir, "rollcall.db");
});
afterEach(() => rmSync(dir, { recursive: true }));

const open = (role: Role = "server") => openStore(file, role);

/** The error of an opening that must fail, and no lock left behind by it. */
function refusalToOpen(role: Role = "server"): Error {
  try {
    void open(role).close();
  } catch (error) {
    return error as Error;
  }
  throw new Error("it was opened");
}

async function makeDatabase(): Promise<void> {
  const store = open();
  await store.founding.found(foundingOf());
  await store.close();
}

describe("one server a file", () => {
  test("a second server in the same process is refused until the first has closed", async () => {
    const first = open();
    const refused = refusalToOpen();
    expect(refused).toBeInstanceOf(DatabaseInUseError);
    expect(refused.message).toBe(
      `another program or rollcall server is using ${file}; stop it, or choose another --data-dir`,
    );
    expect(refusalToOpen()).toBeInstanceOf(DatabaseInUseError);
    await first.close();
    await open().close();
  });

  test("a second server in another process is refused with the same words, and exits 1", async () => {
    openDataDir(dir);
    const first = open();
    const second = spawnSync(
      process.execPath,
      ["src/main.ts", "serve", "--port", "0", "--data-dir", dir, "--log-level", "silent"],
      { encoding: "utf8" },
    );
    expect(second).toMatchObject({ status: 1, stdout: "" });
    expect(second.stderr).toBe(
      `rollcall: another program or rollcall server is using ${file}; stop it, or choose another --data-dir\n`,
    );
    expect(await first.healthy()).toBe(true);
    await first.close();
  });

  test("readers work beside a server, and on a file without one; tools that write only without one", async () => {
    const server = open();
    await server.founding.found(foundingOf());
    const reader = open("reader");
    expect(await reader.founding.first()).toEqual(await server.founding.first());
    await expect(reader.founding.found(foundingOf())).rejects.toThrow("reads only");
    expect(refusalToOpen("tool")).toBeInstanceOf(DatabaseInUseError);
    await server.close();
    expect(await reader.healthy()).toBe(true);
    const tool = open("tool");
    await tool.founding.found(foundingOf());
    expect(refusalToOpen()).toBeInstanceOf(DatabaseInUseError);
    await tool.close();
    await reader.close();
  });

  describe("whatever its name:", () => {
    /** Another way to the same database, and where its lock file is then. */
    const ways: Readonly<Record<string, () => string>> = {
      "its lock file was removed": () => {
        rmSync(`${file}.lock`);
        return file;
      },
      "a link to the file": () => {
        symlinkSync(file, join(dir, "link.db"));
        return join(dir, "link.db");
      },
      "a link to the folder": () => {
        symlinkSync(dir, join(dir, "folder"));
        return join(dir, "folder", "rollcall.db");
      },
      "a hard link": () => {
        linkSync(file, join(dir, "hard.db"));
        return join(dir, "hard.db");
      },
    };

    /** What another process is told that opens the file; the empty text when nothing is wrong. */
    function elsewhere(other: string, role: Role): string {
      const script = `import { openStore } from ${JSON.stringify(new URL("../../src/start/open-store.ts", import.meta.url))};
        try { await openStore(process.argv[1], process.argv[2]).close(); } catch (error) { process.stdout.write(error.name); }`;
      const words = ["--input-type=module", "-e", script, other, role];
      const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8", timeout: 300_000 });
      return stdout + stderr;
    }

    test.each(Object.keys(ways))("%s", async (way) => {
      await makeDatabase();
      const first = open();
      await first.founding.found(foundingOf());
      const other = ways[way]?.() ?? "";
      // Twice: the second server must not have taken anything over by its first try.
      expect(elsewhere(other, "server")).toBe("DatabaseInUseError");
      expect(elsewhere(other, "tool")).toBe("DatabaseInUseError");
      await first.founding.found(foundingOf());
      expect(elsewhere(file, "reader")).toBe("");
      await first.close();
      expect(elsewhere(other, "server")).toBe("");
      await open().close();
    });

    test("a reader that stays open keeps a server from starting only where its lock file is another one", async () => {
      await makeDatabase();
      const reader = open("reader");
      await open().close();
      renameSync(`${file}.lock`, `${file}.lock.before`);
      expect(refusalToOpen()).toBeInstanceOf(DatabaseInUseError);
      await reader.close();
      await open().close();
    });
  });

  test("a file behind a link is served, and what a run left in its log is found", async () => {
    const target = join(dir, "elsewhere.db");
    symlinkSync(target, file);
    writeFileSync(target, "");
    const first = open();
    await first.founding.found(foundingOf());
    await first.close();
    const second = open();
    expect(await second.founding.first()).not.toBeNull();
    await second.close();
  });

  test("a server waits for a program that writes to the file while it starts", async () => {
    await makeDatabase();
    const holder = startProcess(process.execPath, [
      "--input-type=module",
      "-e",
      `import Database from ${JSON.stringify(import.meta.resolve("better-sqlite3"))};
         const database = new Database(process.argv[1]);
         database.exec("BEGIN IMMEDIATE");
         process.stdout.write("held");
         setTimeout(() => database.exec("COMMIT"), 200);`,
      file,
    ]);
    await printed(holder, "stdout", /held/);
    await open().close();
    expect(await holder.exited).toBe(0);
  });

  test("a program that holds the file stops neither the reads of a server nor its event loop", async () => {
    const server = open();
    const founding = foundingOf();
    await server.founding.found(founding);
    const other = new Database(file);
    other.exec("BEGIN IMMEDIATE");
    let written = false;
    const write = server.founding.found(foundingOf()).then(() => {
      written = true;
    });
    expect(await server.healthy()).toBe(true);
    // Timers go on, which they would not while SQLite itself waited.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await server.founding.first())?.organization).toEqual(founding.organization);
    expect(written).toBe(false);
    other.exec("ROLLBACK");
    other.close();
    await write;
    await server.close();
  });

  test("a file that could not be opened is not left locked", async () => {
    writeFileSync(file, "not a database at all, but long enough to look like something".repeat(20));
    refusalToOpen();
    rmSync(file);
    await open().close();
  });
});

describe("what cannot be used", () => {
  test("a file of a newer version is refused and left alone", async () => {
    await makeDatabase();
    const database = new Database(file);
    database.exec(
      "INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('newer', 99999999999999);" +
        "CREATE TABLE from_the_future (x)",
    );
    database.close();
    const before = readFileSync(file);
    for (const role of ["server", "tool"] as const) {
      const refused = refusalToOpen(role);
      expect(refused).toBeInstanceOf(UnusableDatabaseError);
      expect(refused.message).toBe(
        `${file} was written by a newer version of rollcall; run that version, or restore a backup`,
      );
    }
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test("a database of another program is refused and left alone", () => {
    const database = new Database(file);
    database.exec("CREATE TABLE recipes (name)");
    database.close();
    const before = readFileSync(file);
    for (const role of ["server", "tool"] as const) {
      expect(refusalToOpen(role).message).toBe(`${file} is a database of another program`);
    }
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test("a file that is no database is refused and left alone", () => {
    const text = "Dear diary, today I kept no database.\n".repeat(200);
    writeFileSync(file, text);
    expect(refusalToOpen().message).toBe(`${file} is not a database`);
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  test("a tool makes no database, and does not migrate one", () => {
    expect(refusalToOpen("tool").message).toBe(
      `${file} does not exist; start the server once, or check --data-dir`,
    );
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, "");
    expect(refusalToOpen("tool").message).toBe(
      `${file} has an older schema; start this version's server once`,
    );
  });
});

describe("the data folder", () => {
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

  test("is made with its parents, for its user alone", () => {
    const nested = join(dir, "a", "b");
    const made = openDataDir(nested);
    expect([mode(nested), mode(made.database), mode(join(nested, "server.key"))]).toEqual([
      "700",
      "600",
      "600",
    ]);
    expect(made.serverKey).toHaveLength(32);
  });

  test("keeps its key", () => {
    expect(openDataDir(dir).serverKey).toEqual(openDataDir(dir).serverKey);
    mkdirSync(join(dir, "other"));
    expect(openDataDir(join(dir, "other")).serverKey).not.toEqual(openDataDir(dir).serverKey);
  });

  test.each(["", "short", "zz".repeat(32), "00".repeat(33)])("refuses %j as a server key", async (text) => {
    writeFileSync(join(dir, "server.key"), text);
    const key = join(dir, "server.key");
    expect(() => openDataDir(dir)).toThrow(
      `${key} is not a server key: 64 hexadecimal digits; remove it to have one made`,
    );
    expect(readFileSync(key, "utf8")).toBe(text);
    await makeDatabase();
    expect(() => openDataDir(dir)).toThrow(
      `${key} is not a server key: 64 hexadecimal digits; restore it from your backup`,
    );
    expect(readFileSync(key, "utf8")).toBe(text);
  });

  test("makes no second key for a database that has one, opened or not", async () => {
    openDataDir(dir);
    // The file alone, as a kill leaves it right after the opening: what is in it is still beside it.
    new Database(file).pragma("journal_mode = WAL");
    rmSync(join(dir, "server.key"));
    expect(() => openDataDir(dir)).toThrow(UnusableServerKeyError);
    await makeDatabase();
    expect(() => openDataDir(dir)).toThrow(UnusableServerKeyError);
    expect(existsSync(join(dir, "server.key"))).toBe(false);
  });

  test("first starts at the same moment have the same key", async () => {
    // A hundred folders, because two processes meet in one only now and then.
    const script = `import { openDataDir } from ${JSON.stringify(new URL("../../src/start/data-dir.ts", import.meta.url))};
      process.stdout.write("ready\\n");
      process.stdin.once("data", () => {
        for (let i = 0; i < 100; i++)
          process.stdout.write(Buffer.from(openDataDir(process.argv[1] + "/" + i).serverKey).toString("hex") + "\\n");
        process.exit();
      });`;
    const starts = Array.from({ length: 2 }, () =>
      spawn(process.execPath, ["--input-type=module", "-e", script, dir], {
        stdio: ["pipe", "pipe", "inherit"],
      }),
    );
    await Promise.all(starts.map(({ stdout }) => once(stdout, "readable")));
    for (const { stdin } of starts) stdin.write("go");
    const [one = "", other] = await Promise.all(starts.map(({ stdout }) => text(stdout)));
    expect(one.match(/^[0-9a-f]{64}$/gm)).toHaveLength(100);
    expect(other).toBe(one);
    expect(readdirSync(join(dir, "0")).sort()).toEqual(["rollcall.db", "server.key"]);
  });

  test("replaces a secret by a file of its own, readable by its user alone", () => {
    const secret = join(dir, "secret");
    const old = join(dir, "old");
    writeFileSync(secret, "old", { mode: 0o644 });
    linkSync(secret, old);
    writeSecretFile(secret, "new\n", "replace");
    expect([readFileSync(secret, "utf8"), mode(secret)]).toEqual(["new\n", "600"]);
    // Never written over: a crash in the middle would leave neither of the two.
    expect(readFileSync(old, "utf8")).toBe("old");
    expect(readdirSync(dir).sort()).toEqual(["old", "secret"]);
  });

  test("leaves nothing of a secret that could not be placed", () => {
    mkdirSync(join(dir, "taken"));
    expect(() => writeSecretFile(join(dir, "taken"), "new\n", "replace")).toThrow();
    expect(readdirSync(dir)).toEqual(["taken"]);
  });
});

test("a commit and a checkpoint reach the disk on macOS too, where an fsync stops at the drive's memory", () => {
  const lock = lockDatabase(file);
  const first = openConnection(file, lock, "create");
  for (const { $client: client } of [first, openWriter(file, true)]) {
    const settings = ["synchronous", "fullfsync", "checkpoint_fullfsync"];
    expect(settings.map((name) => client.pragma(name, { simple: true }))).toEqual([2, 1, 1]);
    client.close();
  }
  lock.release();
});

describe("a restore over a database whose log cannot be brought into it", () => {
  const checkpointsFail = (code: string) => {
    const { pragma } = Database.prototype;
    return vi.spyOn(Database.prototype, "pragma").mockImplementation(function (
      this: Database.Database,
      ...given: Parameters<typeof pragma>
    ) {
      if (given[0] !== "wal_checkpoint(TRUNCATE)") return pragma.apply(this, given);
      throw Object.assign(new Error("no luck"), { code });
    });
  };
  afterEach(() => void vi.restoreAllMocks());

  test.each(["SQLITE_FULL", "SQLITE_IOERR_READ"])("ends with %s, and leaves it as it was", async (code) => {
    await makeDatabase();
    await storeFiles.backUp(file, join(dir, "backup.db"));
    const before = readFileSync(file);
    checkpointsFail(code);
    await expect(storeFiles.restore(join(dir, "backup.db"), file, () => {})).rejects.toThrow(
      `${file} is not replaced, since it cannot be kept: no luck`,
    );
    expect(readFileSync(file)).toEqual(before);
    expect(readdirSync(dir).sort()).toEqual(["backup.db", "rollcall.db", "rollcall.db.lock"]);
  });

  test.each(["SQLITE_CORRUPT_VTAB", "SQLITE_NOTADB"])("goes on where it is damaged: %s", async (code) => {
    await makeDatabase();
    await storeFiles.backUp(file, join(dir, "backup.db"));
    checkpointsFail(code);
    const { kept } = await storeFiles.restore(join(dir, "backup.db"), file, () => {});
    expect(existsSync(String(kept))).toBe(true);
  });
});
