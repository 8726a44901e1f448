import type { SealedValue } from "./key-store.ts";

/** What a check found. */
export interface CheckReport {
  /** An `older` schema is migrated by the next start of the server; what the rows say is judged only after it. */
  readonly schema: "current" | "older";
  /** One sentence each; empty when all is well. */
  readonly problems: readonly string[];
  /** How many rows the tables hold that people ask about. */
  readonly counts: Readonly<Record<string, number>>;
}

/** What an operator does to the files of a store, from the outside. */
export interface StoreFiles {
  /**
   * Copies a store as it is at one moment, also while a server writes to it, into one file that needs no other.
   * @throws StoreRefusedError when the target is there already, or the store is damaged; no file is left then.
   */
  backUp(file: string, target: string): Promise<{ readonly bytes: number }>;
  /**
   * Puts a backup in the place of a store. The store that was there is kept under another name.
   * @param accept sees the copy before it takes its place, and throws to refuse it.
   * @returns where the store that was there is kept; null when there was none.
   * @throws StoreRefusedError, with nothing changed, for a store that a server uses, and for a backup that is
   *   damaged or of a newer version.
   */
  restore(backup: string, file: string, accept: (copy: string) => void): Promise<{ kept: string | null }>;
  /**
   * Holds a store, or a backup, to what must always be true of it. Changes nothing.
   * @throws StoreRefusedError for a file that is no store of this version or an earlier one.
   */
  check(file: string): CheckReport;
  /** Whether a server has the store open now. Changes nothing. */
  inUse(file: string): boolean;
  /**
   * The newest moment that a store knows of, in milliseconds since 1970; null for one of an older schema.
   * @throws StoreRefusedError for a file that is no store of this version or an earlier one.
   */
  newestTime(file: string): number | null;
  /** Everything in a store that only the server's key can read. */
  sealedSecrets(file: string): readonly SealedValue[];
  /** What the store noted about its server's key; null when its version did not. */
  serverKeyDigest(file: string): Uint8Array | null;
}
