import { Command } from "commander";
import type { AuditRecord } from "../domain/audit/entry.ts";
import { DomainError } from "../domain/errors.ts";
import { printableJson } from "../lib/printable.ts";
import { databaseFile } from "../start/data-dir.ts";
import { openStore } from "../start/open-store.ts";
import { addSettings, readConfig } from "./settings.ts";
import { asTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const about = `
Reads the database of this machine, beside a running server or without one.

Examples:
  rollcall audit
  rollcall audit --from 2026-01-15 --to 2026-01-16T12:00Z --oldest-first
  rollcall audit --subject 019ab3c2-6f0e-7a10-8d2b-5a4f1c7e9b00 --output json
`;

interface Options {
  readonly dataDir?: string;
  readonly actor: readonly string[];
  readonly subject: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly oldestFirst?: boolean;
  readonly limit: string;
  readonly output: string;
}

/** `rollcall audit`: who did what in the first organisation, with where from and with what. */
export function auditCommand(terminal: Terminal): Command {
  const several = (value: string, before: readonly string[]) => [...before, value.toLowerCase()];
  return addSettings(new Command("audit").description("print the audit log, newest first"), ["data-dir"])
    .option("--actor <ID>", "who acted; can be given several times", several, [])
    .option("--subject <ID>", "what was acted upon; can be given several times", several, [])
    .option("--from <TIME>", "from this time on, such as 2026-01-15 or 2026-01-15T12:00Z")
    .option("--to <TIME>", "before this time")
    .option("--oldest-first", "start with the oldest entry")
    .option("--limit <COUNT>", "entries at most", "100")
    .option("--output <FORMAT>", "table or json", "table")
    .addHelpText("after", about)
    .action(async (options: Options) => {
      if (options.output !== "table" && options.output !== "json") {
        throw new DomainError("invalid", `--output must be table or json, not "${options.output}"`);
      }
      const entries = await read(options, terminal);
      terminal.print(options.output === "json" ? asJson(entries) : auditTable(entries));
    });
}

async function read(options: Options, terminal: Terminal): Promise<readonly AuditRecord[]> {
  const filter = {
    actorIds: options.actor,
    actorPrincipals: [],
    subjectIds: options.subject,
    subjectTypes: [],
    from: timeOf("--from", options.from),
    to: timeOf("--to", options.to),
  };
  const limit = Number(options.limit);
  if (!/^\d{1,6}$/.test(options.limit) || limit < 1) {
    throw new DomainError("invalid", `--limit must be a whole number from 1, not "${options.limit}"`);
  }
  const { dataDir } = readConfig(options, terminal);
  const store = openStore(databaseFile(dataDir), "reader");
  try {
    const first = await store.founding.first();
    if (first === null) {
      throw new DomainError("not_found", "the server has not been started on this folder yet");
    }
    const order = options.oldestFirst === true ? "oldest_first" : "newest_first";
    const page = { limit, after: null };
    return (await store.audit.list(first.organization.id, filter, order, page)).rows;
  } finally {
    await store.close();
  }
}

function timeOf(option: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new DomainError("invalid", `${option} must be a time, not "${text}"`);
  return time;
}

function asJson(entries: readonly AuditRecord[]): string {
  const shown = entries.map(({ createdAt, ...entry }) => ({
    createdAt: new Date(createdAt).toISOString(),
    ...entry,
  }));
  return printableJson(shown);
}

function auditTable(entries: readonly AuditRecord[]): string {
  const rows = entries.map((entry) => [
    new Date(entry.createdAt).toISOString(),
    entry.action,
    entry.actorId,
    entry.subjectId,
    entry.sourceAddress || "-",
    entry.userAgent || "-",
  ]);
  return asTable(["TIME", "ACTION", "ACTOR", "SUBJECT", "SOURCE", "AGENT"], rows);
}
