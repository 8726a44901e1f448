import type { Page } from "../domain/paging/cursor.ts";
import type { OwnSettings, Preference, PreferenceName } from "../domain/users/preference.ts";
import type { Rows } from "./rows.ts";

/** What is kept for single users, for themselves alone. Changes reject with `not_found` when the user has left. */
export interface PreferenceStore {
  get(owner: OwnSettings, name: PreferenceName): Promise<Preference | null>;
  /** Newest first. */
  list(owner: OwnSettings, page: Page): Promise<Rows<Preference>>;
  /**
   * Keeps a value under a key; one that was there is replaced, and keeps its id.
   * @throws DomainError `resource_exhausted` when the user has as many as are kept
   */
  set(owner: OwnSettings, preference: Pick<Preference, "id" | "key" | "value">, now: number): Promise<void>;
  /** False when there is none. */
  remove(owner: OwnSettings, id: string, now: number): Promise<boolean>;
  /** The URL of the repository; empty when the user has none. */
  dotfiles(owner: OwnSettings): Promise<string>;
  /** @param repository empty: none any more */
  setDotfiles(owner: OwnSettings, repository: string, now: number): Promise<void>;
}
