import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { clients, missingCommands } from "./client.ts";
import { page, renewedTable, replacePart, table } from "./page.ts";
import { programOf, runProgram } from "./program.ts";
import { count, type Report } from "./report.ts";
import { tellStory } from "./tell.ts";

// Lets every client whose tools are on this machine tell its story to a server of its own, and runs the program that
// docs/clients.md shows for it. Ends with 1 when a step or a program failed, and with --complete also when a client could
// not be run. `--only stories` and `--only programs` run one kind.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    complete: { type: "boolean", default: false },
    only: { type: "string" },
    write: { type: "boolean", default: false },
    cache: { type: "string", default: join(tmpdir(), "rollcall-interop-cache") },
    count: { type: "string" },
  },
});
if (values.only !== undefined && !["stories", "programs"].includes(values.only)) {
  throw new Error("--only takes stories or programs");
}
const say = (text: string) => void process.stdout.write(`${text}\n`);

const chosen = clients(positionals);
const reports: Report[] = [];
const absent: string[] = [];
/** Of each program: whether it worked. */
const outcomes: boolean[] = [];
mkdirSync(values.cache, { recursive: true });
for (const client of chosen) {
  const missing = missingCommands(client);
  if (missing.length > 0) {
    absent.push(client.id);
    say(`could not run ${client.id}: this machine has no ${missing.join(", ")}`);
    continue;
  }
  let log = "";
  const note = (text: string) => {
    log += text;
  };
  const tell = (title: string, failures: readonly string[], started: number) => {
    const seconds = Math.round((performance.now() - started) / 1000);
    say(`${failures.length === 0 ? "ok  " : "FAIL"} ${client.id} ${title}, ${seconds} s`);
    if (failures.length > 0) say([...failures, log].join("\n").replace(/^/gm, "     "));
    log = "";
  };
  if (values.only !== "programs") {
    const started = performance.now();
    const report = await tellStory(client, values.cache, note);
    tell(`(${report.version}): ${count([report]).passed} steps`, report.failures, started);
    reports.push(report);
  }
  const program = values.only === "stories" ? undefined : programOf(client);
  if (program !== undefined) {
    const started = performance.now();
    const failure = await runProgram(client, program, note);
    outcomes.push(failure === null);
    tell("program of docs/clients.md", failure === null ? [] : [failure], started);
  }
}

const stories = count(reports);
const passed = stories.passed + outcomes.filter((worked) => worked).length;
const failed = stories.failed + outcomes.filter((worked) => !worked).length;
if (reports.length > 0) say(`\n${table(reports)}\n`);
if (values.write) {
  if (failed > 0 || absent.length > 0 || values.only === "programs") {
    throw new Error("--write takes a run in which every client told its story and passed");
  }
  const text = readFileSync(page, "utf8");
  writeFileSync(page, replacePart(text, "table", renewedTable(text, reports, clients())));
}

const lost = failed + (values.complete ? absent.length : 0) + (passed === 0 ? 1 : 0);
if (values.count !== undefined) writeFileSync(values.count, `${passed} ${lost}\n`);
say(`${passed} steps passed, ${lost} failed, ${absent.length} clients not run`);
process.exitCode = lost > 0 ? 1 : 0;
