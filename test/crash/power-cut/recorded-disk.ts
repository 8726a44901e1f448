/** What a program did to files, in the order in which it did it. */
export type DiskEvent =
  | { readonly kind: "write"; readonly file: string; readonly at: number; readonly data: Buffer }
  | { readonly kind: "truncate"; readonly file: string; readonly length: number }
  /** Everything that was written to the file before the event `since` is on disk now. */
  | { readonly kind: "synced"; readonly file: string; readonly since: number };

/** The arguments of strace whose output {@link readTrace} reads. */
export const traceArguments = [
  "-f",
  "-y",
  "-xx",
  "-s",
  "70000",
  "-e",
  "trace=write,pwrite64,ftruncate,fsync,fdatasync",
];

const callPattern = /^(\d+) +(\w+)\(\d+<([^>]*)>(?:, )?(.*)$/;
const resumedPattern = /^(\d+) +<\.\.\. (\w+) resumed>/;

/** What strace wrote down, for the files that `wanted` knows. */
export function readTrace(text: string, wanted: (file: string) => boolean): DiskEvent[] {
  const events: DiskEvent[] = [];
  const syncing = new Map<string, { file: string; since: number }>();
  for (const line of text.split("\n")) {
    const resumed = resumedPattern.exec(line);
    const begun = resumed?.[1] === undefined ? undefined : syncing.get(resumed[1]);
    if (resumed?.[1] !== undefined && begun !== undefined) {
      syncing.delete(resumed[1]);
      if (line.endsWith("= 0")) events.push({ kind: "synced", ...begun });
      continue;
    }
    const [, thread = "", call = "", path = "", rest = ""] = callPattern.exec(line) ?? [];
    const file = Buffer.from(path.replaceAll("\\x", ""), "hex").toString();
    if (!wanted(file)) continue;
    switch (call) {
      case "write":
      case "pwrite64": {
        const [, hex = "", numbers = ""] = /^"([^"]*)"(.*)$/.exec(rest) ?? [];
        const data = Buffer.from(hex.replaceAll("\\x", ""), "hex");
        // The plain ones are of files that are only appended to.
        const at = call === "pwrite64" ? Number.parseInt(numbers.split(",")[2] ?? "", 10) : 0;
        events.push({ kind: "write", file, at, data });
        break;
      }
      case "ftruncate":
        events.push({ kind: "truncate", file, length: Number.parseInt(rest, 10) });
        break;
      case "fsync":
      case "fdatasync":
        if (line.endsWith("<unfinished ...>")) syncing.set(thread, { file, since: events.length });
        else if (line.endsWith("= 0")) events.push({ kind: "synced", file, since: events.length });
        break;
      default:
        break;
    }
  }
  return events;
}

const sectorBytes = 512;

/**
 * What a disk holds when the power goes before the event `cut`: what was synced, and of each sector that was written since
 * one of its states, whichever it likes.
 */
export function afterPowerCut(
  events: readonly DiskEvent[],
  cut: number,
  random: () => number,
): Map<string, Buffer> {
  const syncedThrough = new Map<string, number>();
  for (const event of events.slice(0, cut)) {
    if (event.kind === "synced") syncedThrough.set(event.file, event.since);
  }
  const files = new Map<string, Buffer>();
  const chosen = new Map<string, number>();
  events.slice(0, cut).forEach((event, index) => {
    if (event.kind === "synced") return;
    const { file } = event;
    const content = files.get(file) ?? Buffer.alloc(0);
    if (event.kind === "truncate") {
      files.set(file, Buffer.concat([content], event.length));
      return;
    }
    const end = event.at + event.data.length;
    const grown = end > content.length ? Buffer.concat([content], end) : content;
    const isSynced = index < (syncedThrough.get(file) ?? 0);
    for (let from = event.at; from < end; ) {
      const sector = Math.floor(from / sectorBytes);
      const to = Math.min(end, (sector + 1) * sectorBytes);
      const key = `${sector} ${file}`;
      // Once a sector has kept an older state, nothing that was written later is on disk either.
      const keeps = isSynced || ((chosen.get(key) ?? 1) === 1 && random() < 0.6);
      chosen.set(key, isSynced || keeps ? 1 : 0);
      if (keeps) event.data.copy(grown, from, from - event.at, to - event.at);
      from = to;
    }
    files.set(file, grown);
  });
  return files;
}
