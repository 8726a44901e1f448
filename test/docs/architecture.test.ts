import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";

const page = readFileSync("ARCHITECTURE.md", "utf8");
const { rooms }: { rooms: Record<string, string[]> } = await import(
  pathToFileURL(join(process.cwd(), ".dependency-cruiser.js")).href
);
/** `src/http/connections` is `http/connections` on the page. */
const short = (folder: string) => folder.replace(/^src\//, "");

test("the table has a row for each folder, with what the rules let it import", () => {
  const rows = [...page.matchAll(/^\| `(src\/[a-z]+)` \| .+ \| (.+) \|$/gm)].map(
    ([, folder = "", allowed = ""]) => [
      folder,
      [...allowed.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name).sort(),
    ],
  );
  const wanted = Object.entries(rooms).map(([folder, allowed]) => [folder, allowed.map(short).sort()]);
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(wanted));
});

test("every folder of src is on the map, and each of its arrows is allowed", () => {
  const picture = page.split("```mermaid")[1]?.split("```")[0] ?? "";
  const folders = readdirSync("src", { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders)
    expect([name, new RegExp(`\\b${name}\\["`).test(picture)]).toEqual([name, true]);
  const free = ["cli", "server"];
  const arrows = [...picture.matchAll(/^ {2}(\w+)(?:\[.*?\])? --> (\w+)/gm)];
  expect(arrows.length).toBeGreaterThan(15);
  for (const [, from = "", to = ""] of arrows) {
    const allowed = (rooms[`src/${from}`] ?? []).some((folder) => short(folder).split("/")[0] === to);
    expect([from, to, allowed || free.includes(from)]).toEqual([from, to, true]);
  }
});

test("every decision has a row in the index", () => {
  const missing = readdirSync("docs/decisions").filter((file) => !page.includes(`(docs/decisions/${file})`));
  expect(missing).toEqual([]);
});

test("every file and folder that the page names is there", () => {
  const named = [...page.matchAll(/`((?:src|test|docs)\/[\w/.-]+)`/g)].map(([, path = ""]) => path);
  expect(named.length).toBeGreaterThan(15);
  expect(named.filter((path) => !existsSync(path))).toEqual([]);
});
