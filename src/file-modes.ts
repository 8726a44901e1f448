import { chmodSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { StoreRefusedError } from "./store/store.ts";

/** Others on this machine can read what only the server may, and it cannot change that. */
export class OpenToOthersError extends StoreRefusedError {
  override readonly name = "OpenToOthersError";
}

/** What belongs to a server in its folder; a stranger's file beside it is left alone. */
const ownFiles = /^(rollcall\.db|server\.key|admin-token)/;

/**
 * Takes from others on this machine what they may do with a data folder and the secrets in it. The folder itself may stay
 * open to its group: Kubernetes gives volumes to one.
 * @returns what was open, one sentence each
 * @throws OpenToOthersError when everybody may read or write something, and only its owner can change that
 */
export function closeToOthers(dir: string): readonly string[] {
  // Windows has no such modes: a folder below a user's own is that user's.
  if (process.platform === "win32") return [];
  const files = readdirSync(dir).filter((name) => ownFiles.test(name));
  return [restrict(dir, 0o007), ...files.map((name) => restrict(join(dir, name), 0o077))].filter(
    (told) => told !== null,
  );
}

/** @param others the bits that must not be set */
function restrict(path: string, others: number): string | null {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  // A side file of the database may go at any moment.
  if (mode === undefined || (mode & others) === 0) return null;
  const had = octal(mode);
  const wanted = octal(mode & ~others);
  try {
    chmodSync(path, mode & 0o7777 & ~others);
    return `${path} was open to others on this machine (mode ${had}), and is no more (${wanted})`;
  } catch (error) {
    // What a group may do was given to it by whoever mounted this.
    if ((mode & 0o007) === 0) return null;
    const why = Error.isError(error) ? error.message : String(error);
    throw new OpenToOthersError(
      `${path} is open to everybody on this machine (mode ${had}): its owner has to run chmod ${wanted} on it (${why})`,
    );
  }
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, "0");
}
