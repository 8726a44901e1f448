/** What a client knows of one runner that it asked for, by the answers it got. */
export interface Entry {
  readonly key: string;
  /** Null until a create was answered. */
  id: string | null;
  exchangeToken: string | null;
  accessToken: string | null;
  /** The last name that was acknowledged. */
  name: string;
  /** Names sent after it, of which any may have been kept. */
  maybeNames: string[];
  deletion: "none" | "sent" | "acknowledged";
}

/** Every acknowledgement over all lives of the server. */
export class Ledger {
  readonly entries: Entry[] = [];

  open(): Entry {
    const key = `crash-${this.entries.length}`;
    const entry: Entry = {
      key,
      id: null,
      exchangeToken: null,
      accessToken: null,
      name: key,
      maybeNames: [],
      deletion: "none",
    };
    this.entries.push(entry);
    return entry;
  }
}
