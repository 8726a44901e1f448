import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { clients } from "../interop/client.ts";
import { page, snippets } from "../interop/page.ts";

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
