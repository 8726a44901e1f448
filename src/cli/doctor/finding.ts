import type { Config } from "../../config/config.ts";

/** `warn`: works, but will not for ever, or not as one should want it. `fail`: does not work. */
export type Level = "ok" | "warn" | "fail";

/** What one look found, and for everything but `ok` what to do about it. */
export interface Finding {
  readonly level: Level;
  readonly found: string;
  readonly remedy: string | null;
}

/** What is looked at. */
export interface Patient {
  readonly config: Config;
  /** Path of the database; null when it is kept in memory. */
  readonly database: string | null;
  /** Whether a server has the data folder in use. */
  readonly served: boolean;
  /** Now, in milliseconds since 1970. */
  readonly nowMs: number;
  /** Folder that backups are kept in; null when no flag names one. */
  readonly backups: string | null;
}

export const ok = (found: string): Finding => ({ level: "ok", found, remedy: null });
export const warn = (found: string, remedy: string): Finding => ({ level: "warn", found, remedy });
export const fail = (found: string, remedy: string): Finding => ({ level: "fail", found, remedy });

/** A number of bytes as people say it: `512 MB`, `1.4 GB`. */
export function sizeOf(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes >= 1e6 ? `${Math.round(bytes / 1e6)} MB` : `${Math.ceil(bytes / 1e3)} kB`;
}
