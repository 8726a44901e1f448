import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { clients, missingCommands } from "./client.ts";
import { page, renewedTable, replacePart, snippets, table } from "./page.ts";
import { count, type Report } from "./report.ts";
import { tellStory } from "./tell.ts";

// Lets every client whose tools are on this machine tell its story to a server of its own. Ends with 1 when a
// step failed or was not told, and with --complete also when a client could not be run.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    complete: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    cache: { type: "string", default: join(tmpdir(), "rollcall-interop-cache") },
    count: { type: "string" },
  },
});
const say = (text: string) => void process.stdout.write(`${text}\n`);

const chosen = clients(positionals);
const reports: Report[] = [];
const absent: string[] = [];
mkdirSync(values.cache, { recursive: true });
for (const client of chosen) {
  const missing = missingCommands(client);
  if (missing.length > 0) {
    absent.push(client.id);
    say(`could not run ${client.id}: this machine has no ${missing.join(", ")}`);
    continue;
  }
  const started = performance.now();
  let log = "";
  const report = await tellStory(client, values.cache, (text) => {
    log += text;
  });
  const seconds = Math.round((performance.now() - started) / 1000);
  const { passed, failed } = count([report]);
  say(`${failed === 0 ? "ok  " : "FAIL"} ${client.id} (${report.version}): ${passed} steps, ${seconds} s`);
  if (failed > 0) say([...report.failures, log].join("\n").replace(/^/gm, "     "));
  reports.push(report);
}

say(`\n${table(reports)}\n`);
const { passed, failed } = count(reports);
if (values.write) {
  if (failed > 0 || absent.length > 0) throw new Error("--write takes a run in which every client passed");
  const text = readFileSync(page, "utf8");
  const renewed = replacePart(text, "table", renewedTable(text, reports, clients()));
  writeFileSync(page, replacePart(renewed, "snippets", snippets(clients())));
}

const lost = failed + (values.complete ? absent.length : 0) + (reports.length === 0 ? 1 : 0);
if (values.count !== undefined) writeFileSync(values.count, `${passed} ${lost}\n`);
say(`${passed} steps passed, ${lost} failed, ${absent.length} clients not run`);
process.exitCode = lost > 0 ? 1 : 0;
