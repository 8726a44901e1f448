import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { clients } from "../interop/client.ts";
import { page, renewedTable, snippets, table } from "../interop/page.ts";
import { readReport } from "../interop/report.ts";

const text = readFileSync(page, "utf8");

test("docs/clients.md shows the lines that the stories ran", () => {
  expect(text).toContain(snippets(clients()));
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
