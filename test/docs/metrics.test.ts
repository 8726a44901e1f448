import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DrivenServer, startDrivenServer } from "../monitoring/driven-server.ts";
import { alertExpressions, dashboardExpressions, metricsIn } from "../monitoring/expressions.ts";
import { readScrape, type Scrape } from "../support/metrics.ts";

/** Appear with an event that a short run may not have: the rest of their labels cannot be seen. */
const momentary = new Set(["nodejs_active_requests"]);

let server: DrivenServer;
let found: Scrape;
beforeAll(async () => {
  server = await startDrivenServer();
  found = readScrape(await server.scrape());
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

test("metrics.md names every metric of a server at work with its type and labels, and no other", () => {
  const page = readFileSync(new URL("../../docs/operations/metrics.md", import.meta.url), "utf8");
  const rows = page.matchAll(/^\| `(\w+)` \| (\w+) \| ?([\w, ]*?) ?\| \S.* \|$/gm);
  const told = [...rows].map(([, name, type, labels = ""]) => [name, type, labels.split(", ").sort().join()]);
  const served = [...found.families()].map(([name, { type, labels }]) => [
    name,
    type,
    [...labels].sort().join(),
  ]);
  const comparable = (all: (string | undefined)[][]) =>
    all
      .filter(([name = ""]) => !momentary.has(name))
      .map((row) => row.join(" "))
      .sort();
  expect(comparable(told)).toEqual(comparable(served));
});

test("every alert has a test of when it fires and when it does not", () => {
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");
  const alerts = [...read("../../docs/operations/alerts.yml").matchAll(/^ +- alert: (\w+)$/gm)];
  expect(alertExpressions()).toHaveLength(alerts.length);
  const tested = read("../monitoring/alerts.test.yml").matchAll(/alertname="(\w+)"/g);
  expect([...tested].map(([, name]) => name)).toEqual(alerts.map(([, name]) => name));
});

describe.each([
  ["alerts.yml", alertExpressions],
  ["grafana-dashboard.json", dashboardExpressions],
])("%s", (_, expressions) => {
  test("asks for metrics that a server at work has, and for no other", () => {
    const names = new Set(
      [...found.families()].flatMap(([name, { type }]) =>
        type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      ),
    );
    const asked = expressions().flatMap(metricsIn);
    expect(asked.length).toBeGreaterThan(20);
    expect(asked.filter((name) => !names.has(name))).toEqual([]);
  });
});
