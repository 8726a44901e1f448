import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Client, folder } from "./client.ts";
import type { Report } from "./report.ts";

/** The page that shows what was run, and what a user of each client needs. */
export const page = join(folder, "../../docs/clients.md");

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

/** What a user of each client needs, cut out of the stories: what the page shows has been run. */
export function snippets(clients: readonly Client[]): string {
  return clients
    .flatMap(({ id, name, language, snippet, highlight = "" }) => {
      if (snippet === undefined) return [];
      const code = cut(readFileSync(join(folder, id, snippet), "utf8"), `${id}/${snippet}`);
      return [`### ${language}: ${name}\n\n\`\`\`${highlight}\n${code}\n\`\`\``];
    })
    .join("\n\n");
}

/** Puts a part between the page's two marks of that name. */
export function replacePart(text: string, name: string, part: string): string {
  const [begin, end] = [`<!-- ${name}:begin -->\n`, `\n<!-- ${name}:end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/clients.md has no marks for its ${name}`);
  return `${text.slice(0, from + begin.length)}\n${part}\n${text.slice(to)}`;
}

/** The lines between the marks, without the indentation that they share. */
function cut(source: string, where: string): string {
  const lines = source.split("\n");
  const begin = lines.findIndex((line) => line.includes("docs:begin"));
  const end = lines.findIndex((line) => line.includes("docs:end"));
  if (begin < 0 || end < begin) throw new Error(`${where} marks no lines for the docs`);
  const shown = lines.slice(begin + 1, end);
  const indents = shown
    .filter((line) => line.trim() !== "")
    .map((line) => /^\s*/.exec(line)?.[0].length ?? 0);
  const indent = Math.min(...indents);
  return shown.map((line) => line.slice(indent)).join("\n");
}
