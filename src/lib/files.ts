import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fchownSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Makes a folder, and each that leads to it, and goes no further where one cannot be made: Node's own recursive way tries
 * without an end where a file system says that the parent is missing although it is there, as /proc does.
 * @param mode of each folder that is made
 * @throws Error of the system, with the path of the folder that cannot be made
 */
export function makeFolder(path: string, mode: number): void {
  const missing: string[] = [];
  let level = resolve(path);
  for (; !existsSync(level) && dirname(level) !== level; level = dirname(level)) missing.push(level);
  for (const folder of missing.reverse()) {
    try {
      mkdirSync(folder, { mode });
    } catch (error) {
      // Another process may have made it meanwhile.
      if (!(isCode(error, "EEXIST") && statSync(folder).isDirectory())) throw error;
    }
  }
}

/** A name beside a file under which its next content is written: no other process has it, or ever will. */
export function draftOf(file: string): string {
  return `${file}.${randomBytes(8).toString("hex")}.tmp`;
}

/**
 * Gives a draft the owner and the mode of the file whose place it will take; where there is none, the owner of its folder.
 * Root, who does an operator's work in the folder of a service, would leave files there that the service cannot open.
 * What other users may do is not taken over: these files hold secrets.
 * @param mode where there is no file yet
 */
export function handOver(draft: string, file: string, mode: number): void {
  const before = statSync(file, { throwIfNoEntry: false });
  const { uid, gid } = before ?? statSync(dirname(file));
  const own = statSync(draft);
  // Before the mode: a change of owner may take bits of it.
  if (process.getuid?.() === 0 && (own.uid !== uid || own.gid !== gid)) chownSync(draft, uid, gid);
  chmodSync(draft, before === undefined ? mode : before.mode & 0o700);
}

/**
 * Makes an empty file beside another, for the owner of that one alone. One that is there already is left as it is, and not
 * opened: to close a file takes from the whole process the locks that it has on it. A link there is not followed.
 * @param file whose owner the new file gets; where it is not there yet, that of its folder
 */
export function createFileFor(file: string, made: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(made, "wx", 0o600);
  } catch (error) {
    if (isCode(error, "EEXIST")) return;
    throw error;
  }
  try {
    const { uid, gid } = statSync(file, { throwIfNoEntry: false }) ?? statSync(dirname(file));
    // By its descriptor: the name may lead elsewhere by now.
    if (process.getuid?.() === 0) fchownSync(descriptor, uid, gid);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Gives a draft its name, unless that is taken.
 * @throws Error with code `EEXIST` when there is a file of that name, however it came there; the draft stays as it was
 */
export function publish(draft: string, file: string): void {
  try {
    linkSync(draft, file);
    rmSync(draft);
  } catch (error) {
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].some((code) => isCode(error, code))) throw error;
    // A file system without links. The name is taken first, so that the rename replaces what is our own.
    closeSync(openSync(file, "wx"));
    try {
      renameSync(draft, file);
    } catch (failure) {
      rmSync(file, { force: true });
      throw failure;
    }
  }
}

/**
 * Writes a file whole, for its owner alone: after a crash at any moment it is the old one or the new one, on the disk.
 * @param place what becomes of a file that is there: `replace` keeps its owner and mode, `new` fails with `EEXIST`
 */
export function writeSecretFile(file: string, text: string, place: "replace" | "new"): void {
  const draft = draftOf(file);
  try {
    writeFileSync(draft, text, { mode: 0o600, flag: "wx", flush: true });
    handOver(draft, file, 0o600);
    if (place === "replace") renameSync(draft, file);
    else publish(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
  fsyncFolder(dirname(file));
}

/** Fsyncs a file and its name: both survive a power cut. */
export function fsyncFile(file: string): void {
  fsync(file);
  fsyncFolder(dirname(file));
}

/** What says that a folder cannot be opened or synced here: such a file system keeps the order of renames by itself. */
const noFolderSync = ["EACCES", "EINVAL", "EISDIR", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EPERM"];

/**
 * Fsyncs the names in a folder: what was made, renamed or removed there survives a power cut. Windows opens no folders; NTFS
 * keeps a journal of names.
 * @throws Error of the system when the disk fails
 */
export function fsyncFolder(path: string): void {
  if (process.platform === "win32") return;
  try {
    fsync(path);
  } catch (error) {
    if (!noFolderSync.some((code) => isCode(error, code))) throw error;
  }
}

function fsync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** By its shape: Node's own errors may come from another realm. */
function isCode(error: unknown, code: string): boolean {
  return Error.isError(error) && "code" in error && error.code === code;
}
