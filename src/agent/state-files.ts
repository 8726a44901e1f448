import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { draftOf, fsyncFolder, makeFolder } from "../lib/files.ts";
import { messageOf, partOf } from "../lib/thrown.ts";
import { AgentEndError, agentEnd } from "./end.ts";

/** What one agent keeps between its processes: small secret files in a folder of its own, for its user only. */
export class StateFiles {
  readonly dir: string;

  /** @throws AgentEndError STATE_UNUSABLE when the folder cannot be made */
  constructor(dir: string) {
    this.dir = dir;
    try {
      makeFolder(dir, 0o700);
    } catch (error) {
      throw unusable(dir, error);
    }
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  /** The file's text, or null when there is none. @throws AgentEndError STATE_UNUSABLE when it cannot be read */
  read(name: string): string | null {
    try {
      return readFileSync(this.path(name), "utf8");
    } catch (error) {
      if (partOf(error, "code") === "ENOENT") return null;
      throw unusable(this.path(name), error);
    }
  }

  /**
   * Replaces a file whole: after a crash at any moment it is the old one or the new one, on the disk.
   * @throws AgentEndError STATE_UNUSABLE when it cannot be written
   */
  write(name: string, text: string): void {
    const target = this.path(name);
    const draft = draftOf(target);
    try {
      writeFileSync(draft, text, { mode: 0o600, flag: "wx", flush: true });
      chmodSync(draft, 0o600);
      renameSync(draft, target);
      fsyncFolder(this.dir);
    } catch (error) {
      rmSync(draft, { force: true });
      throw unusable(target, error);
    }
  }

  remove(name: string): void {
    rmSync(this.path(name), { force: true });
  }
}

/** The end for a file that cannot be used. */
export function unusable(path: string, cause: unknown): AgentEndError {
  const why = messageOf(cause);
  return new AgentEndError(agentEnd("STATE_UNUSABLE", `cannot use ${path}: ${why}`));
}
