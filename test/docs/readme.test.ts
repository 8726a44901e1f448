import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { settingsTable } from "./settings-table.ts";

test("README shows every flag and variable as they are", () => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  expect(readme).toContain(settingsTable());
});
