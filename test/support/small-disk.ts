import { execFileSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CommandProcess, startCommand } from "./command.ts";

// File systems of a few MB for one server, mounted in a mount namespace of its own: nobody else sees them, and they are
// gone with the process. A tmpfs needs no rights where users may have namespaces; ext4 on a loop device needs root.

/** A disk that one server after another can be started on. */
export interface SmallDisk {
  /** The mount point, as the server sees it. */
  readonly dir: string;
  /** Starts a server whose data folder is on the disk. */
  serve(environment: Record<string, string>): CommandProcess;
  /** Takes the last free byte. @returns gives the room back. */
  fill(server: CommandProcess): () => void;
  /** Has the kernel find the file system damaged: it turns read-only under everybody who has files open on it. */
  breakDown(server: CommandProcess): void;
  remove(): void;
}

const words = (dir: string) => ["serve", "--port", "0", "--data-dir", dir];

/** Forgets everything when its server ends. */
export function tmpfsDisk(megabytes: number): SmallDisk {
  const { dir, remove } = folder();
  const options = `size=${megabytes}m,mode=700`;
  return {
    dir,
    serve: (environment) =>
      startCommand(words(dir), environment, [
        ...["unshare", "--map-root-user", "--mount", "sh", "-c"],
        ...[`mount -t tmpfs -o ${options} tmpfs "$0" && exec "$@"`, dir],
      ]),
    fill: (server) => fill(inside(server, dir)),
    breakDown() {
      throw new Error("a tmpfs has no damage to find");
    },
    remove,
  };
}

/** Keeps its files from one server to the next, and has its damage repaired between the two. */
export function ext4Disk(megabytes: number): SmallDisk {
  const { dir, image, remove } = folder();
  execFileSync("truncate", ["--size", `${megabytes}M`, image]);
  execFileSync("mkfs.ext4", ["-q", "-F", image]);
  return {
    dir,
    serve: (environment) =>
      startCommand(words(dir), environment, [
        ...["unshare", "--mount", "sh", "-c"],
        `e2fsck -p "$1" >&2; [ $? -le 1 ] && mount -o loop,errors=remount-ro "$1" "$0" && shift && exec "$@"`,
        ...[dir, image],
      ]),
    fill: (server) => fill(inside(server, dir)),
    breakDown(server) {
      const mounts = readFileSync(`/proc/${server.process.pid}/mountinfo`, "utf8").split("\n");
      const device = mounts.find((line) => line.split(" ")[4] === dir)?.match(/ \/dev\/(loop\d+) /)?.[1];
      writeFileSync(`/sys/fs/ext4/${device}/trigger_fs_error`, "test");
    },
    remove,
  };
}

/** What a server sees at a path, seen from outside of its namespace. */
function inside({ process: { pid } }: CommandProcess, path: string): string {
  return `/proc/${pid}/root${path}`;
}

function folder(): { dir: string; image: string; remove(): void } {
  const parent = mkdtempSync(join(tmpdir(), "rollcall-disk-"));
  const dir = join(parent, "mounted");
  mkdirSync(dir);
  return { dir, image: join(parent, "image"), remove: () => rmSync(parent, { recursive: true }) };
}

function fill(dir: string): () => void {
  const file = join(dir, "filler");
  const descriptor = openSync(file, "w");
  try {
    for (let bytes = 2 ** 20; bytes > 0; ) {
      try {
        writeSync(descriptor, Buffer.alloc(bytes));
      } catch (error) {
        if (!(Error.isError(error) && "code" in error && error.code === "ENOSPC")) throw error;
        bytes = Math.floor(bytes / 2);
      }
    }
  } finally {
    closeSync(descriptor);
  }
  return () => rmSync(file);
}
