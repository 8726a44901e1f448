import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { clients } from "../interop/client.ts";
import { page, renewedTable, table } from "../interop/page.ts";
import { programs, programsPage } from "../interop/program.ts";
import { readReport } from "../interop/report.ts";

const text = readFileSync(page, "utf8");

test("docs/clients.md has a whole program for every language, and at most three lines that run it", () => {
  const shown = programs();
  const known = clients().map(({ language, name }) => `${language}: ${name}`);
  expect(known).toEqual(expect.arrayContaining(shown.map(({ language, name }) => `${language}: ${name}`)));
  expect(new Set(shown.map(({ language }) => language))).toEqual(
    new Set(clients().map(({ language }) => language)),
  );
  for (const { language, name, files, commands } of shown) {
    const lines = commands.replaceAll(/\\\n/g, "").split("\n").slice(0, -1);
    expect([name, lines.length]).toEqual([name, Math.min(Math.max(lines.length, 1), 3)]);
    expect([name, files.length > 0]).toEqual([name, language !== "Shell"]);
  }
});

test("docs/clients.md sets every variable that its lines read", () => {
  const page = readFileSync(programsPage, "utf8");
  const exports = page.split("\n").filter((line) => line.startsWith("export "));
  const set = exports.flatMap((line) => [...line.matchAll(/ ([A-Z_]+)=/g)].map(([, name]) => name));
  const read = programs().flatMap(({ commands }) =>
    [...commands.matchAll(/\$\{?([A-Z_]+)/g)].map(([, name]) => name),
  );
  expect(set).toEqual(expect.arrayContaining(read));
});

test("every row that the run demands stands in the table with all its steps", () => {
  const missing = clients().flatMap(({ language, name, rows }) =>
    rows.filter(({ protocol, http, steps }) => {
      const shown = protocol.replace("Connect-", "Connect ");
      const row = text.split("\n").find((line) => {
        const cells = line.split(" | ");
        return (
          line.startsWith(`| ${language} | ${name} | `) && cells.includes(shown) && cells.at(-2) === http
        );
      });
      return row === undefined || !row.includes(`| ${steps.join(", ")} |`);
    }),
  );
  expect(missing).toEqual([]);
});

test("a run of one client renews its rows, and leaves those of the others in their places", () => {
  const all = clients(["go-connect", "go-grpc", "java-grpc"]);
  const reports = (version: string) => all.map((client) => readReport(client, `version ${version}`, 0));
  const before = reports("1");
  const renewed = reports("2").slice(1, 2);
  const after = [...before.slice(0, 1), ...renewed, ...before.slice(2)];
  expect(renewedTable(table(before), renewed, all)).toBe(table(after));
  expect(renewedTable("", renewed, all)).toBe(table(renewed));
});
