import { readFileSync } from "node:fs";

const operations = new URL("../../docs/operations/", import.meta.url);
export const alertsFile = new URL("alerts.yml", operations);
const dashboardFile = new URL("grafana-dashboard.json", operations);

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

/** The expressions of all alerts, each as its lines are. */
export function alertExpressions(): string[] {
  const text = readFileSync(alertsFile, "utf8");
  const found = text.matchAll(/^( +)expr: (?:>-\n((?:\1 +.*\n)+)|(.*)\n)/gm);
  return [...found].map(([, , block, line]) => (block ?? line ?? "").trim());
}

/** The expressions of all panels, with values in place of Grafana's own variables. */
export function dashboardExpressions(): string[] {
  const { panels } = JSON.parse(readFileSync(dashboardFile, "utf8")) as { panels: readonly Panel[] };
  return panels.flatMap(({ targets = [] }) =>
    targets.map(({ expr }) => expr.replaceAll("$__rate_interval", "1m").replaceAll("$instance", ".*")),
  );
}

/** The names of the metrics that an expression asks for. */
export function metricsIn(expression: string): string[] {
  return expression.match(/\b(?:rollcall|process|nodejs)_\w+/g) ?? [];
}
