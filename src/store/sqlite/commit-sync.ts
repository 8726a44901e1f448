/** Brings commits to disk where SQLite's own commit does not wait for it. */
export interface CommitSync {
  /**
   * What has to be over before the next commit; null when nothing has to. A rejection: nobody knows what is on disk.
   * @throws what SQLite throws
   */
  prepare(): Promise<void> | null;
  /** Resolves when everything that was committed before the call is on disk. A rejection: nobody knows what is. */
  sync(): Promise<void>;
}
