import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type DrivenServer, startDrivenServer } from "./driven-server.ts";
import { alertsFile, dashboardExpressions } from "./expressions.ts";
import { type Prometheus, startPrometheus } from "./prometheus.ts";

// Has Prometheus and its own checker read what a server at work shows, the alert rules, and every expression of the
// dashboard. Both programs are in Debian's package prometheus.

const { values } = parseArgs({ options: { count: { type: "string" } } });
const say = (text: string) => void process.stdout.write(`${text}\n`);
let [good, bad] = [0, 0];

/** @param problem what is wrong; empty when nothing is */
function tell(what: string, problem: string): void {
  say(problem === "" ? `ok ${what}` : `FAIL ${what}\n${problem}`);
  if (problem === "") good += 1;
  else bad += 1;
}

function promtool(words: readonly string[], input = ""): void {
  const { status, stdout, stderr, error } = spawnSync("promtool", words, { input, encoding: "utf8" });
  // What it would have named otherwise is a finding too, though it then ends with 3 or even with 0.
  const finding = words[1] === "metrics" ? stdout + stderr : stderr;
  const isWell = status === 0 && finding === "";
  tell(`promtool ${words.slice(0, 2).join(" ")}`, isWell ? "" : `${error ?? ""}${stdout}${stderr}`);
}

/** What Prometheus says of the rules after it has run them: that each can be evaluated, and that nobody is woken. */
async function checkRules(prometheus: Prometheus): Promise<void> {
  for (const { name, health, lastError = "", state } of await prometheus.rules()) {
    const isWell = health === "ok" && state !== "firing";
    tell(`alert ${name}`, isWell ? "" : `${health}, ${state} ${lastError}`);
  }
}

async function checkDashboard(prometheus: Prometheus): Promise<void> {
  for (const expression of dashboardExpressions()) {
    const found = await prometheus.query(expression);
    tell(expression, found > 0 ? "" : "finds nothing");
  }
}

async function check(server: DrivenServer): Promise<void> {
  promtool(["check", "metrics"], await server.scrape());
  promtool(["check", "rules", fileURLToPath(alertsFile)]);
  promtool(["test", "rules", fileURLToPath(new URL("alerts.test.yml", import.meta.url))]);
  await using prometheus = await startPrometheus(server.metricsAddress);
  await prometheus.scraped(5, () => server.drive());
  await checkRules(prometheus);
  await checkDashboard(prometheus);
}

await using server = await startDrivenServer();
await check(server);
say(`${good} checks passed, ${bad} failed`);
if (values.count !== undefined) writeFileSync(values.count, `${good} ${bad}\n`);
process.exitCode = bad > 0 ? 1 : 0;
