import { chmodSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { StoreRefusedError } from "../store/store.ts";

/** Others on this machine can read what only the server may, and it cannot change that. */
class OpenToOthersError extends StoreRefusedError {
  override readonly name = "OpenToOthersError";
}

/** What belongs to a server in its folder; a stranger's file beside it is left alone. */
export const ownFiles = /^(rollcall\.db|server\.key|admin-token)/;

/** The bits that must not be set. */
export const others = { folder: 0o007, file: 0o077 };

/**
 * Takes from others on this machine what they may do with a data folder and the secrets in it. The folder itself may stay
 * open to its group: Kubernetes gives volumes to one.
 * @returns what was open, one sentence each
 * @throws OpenToOthersError when all users may read or write something, and only its owner can change that
 */
export function closeToOthers(dir: string): readonly string[] {
  // Windows has no such modes: a folder below a user's own is that user's.
  if (process.platform === "win32") return [];
  const files = readdirSync(dir).filter((name) => ownFiles.test(name));
  return [
    restrict(dir, others.folder),
    ...files.map((name) => restrict(join(dir, name), others.file)),
  ].filter((told) => told !== null);
}

/** @param refused the bits that must not be set */
function restrict(path: string, refused: number): string | null {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  // A side file of the database may go at any moment.
  if (mode === undefined || (mode & refused) === 0) return null;
  const had = octal(mode);
  const wanted = octal(mode & ~refused);
  try {
    chmodSync(path, mode & 0o7777 & ~refused);
    return `${path} was open to others on this machine (mode ${had}), and is no more (${wanted})`;
  } catch (error) {
    // The operator who mounted the folder chose what the group may do.
    if ((mode & 0o007) === 0) return null;
    const why = Error.isError(error) ? error.message : String(error);
    throw new OpenToOthersError(
      `${path} is open to everybody on this machine (mode ${had}): its owner has to run chmod ${wanted} on it (${why})`,
    );
  }
}

/** As chmod takes it. */
export function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, "0");
}
