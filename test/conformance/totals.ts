/** What the runner counted. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
}

/** Reads the last line of the runner's report. A run that stopped before it, or ran nothing, is one failure. */
export function readTotals(report: string, exitCode: number | null): Totals {
  const [, passed = "0", failed = "0"] = /^(\d+) passed, (\d+) failed$/m.exec(report) ?? [];
  const totals = { passed: Number(passed), failed: Number(failed) };
  const isWhole = totals.passed > 0 && (exitCode === 0 || totals.failed > 0);
  return isWhole ? totals : { ...totals, failed: Math.max(totals.failed, 1) };
}
