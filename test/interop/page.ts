import { join } from "node:path";
import { type Client, folder } from "./client.ts";
import type { Report } from "./report.ts";

/** The page that shows what was run. */
export const page = join(folder, "../../docs/clients-report.md");

const heading = [
  "| language | client | version | protocol | HTTP | what passed |",
  "| --- | --- | --- | --- | --- | --- |",
];

/** The table of a run, as the page shows it. */
export function table(reports: readonly Report[]): string {
  return [...heading, ...reports.flatMap(rowsOf)].join("\n");
}

/** The page's table after a run of some clients: what it says of the others stays. */
export function renewedTable(text: string, reports: readonly Report[], all: readonly Client[]): string {
  const before = text.split("\n");
  const rows = all.flatMap(({ id, language, name }) => {
    const report = reports.find(({ client }) => client.id === id);
    return report ? rowsOf(report) : before.filter((line) => line.startsWith(`| ${language} | ${name} | `));
  });
  return [...heading, ...rows].join("\n");
}

function rowsOf({ client, version, rows }: Report): string[] {
  return rows.map(({ protocol, http, passed }) => {
    const shown = protocol.replace("Connect-", "Connect ");
    return `| ${[client.language, client.name, version, shown, http, passed.join(", ")].join(" | ")} |`;
  });
}

/** Puts a part between the page's two marks of that name. */
export function replacePart(text: string, name: string, part: string): string {
  const [begin, end] = [`<!-- ${name}:begin -->\n`, `\n<!-- ${name}:end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/clients-report.md has no marks for its ${name}`);
  return `${text.slice(0, from + begin.length)}\n${part}\n${text.slice(to)}`;
}
