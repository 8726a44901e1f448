import { writeFileSync } from "node:fs";
import { readOptions, usage } from "./fleet/options.ts";
import { asText, falseLapses } from "./fleet/report.ts";
import { runFleet } from "./fleet/run.ts";

// Simulates a fleet of runners against a real server. Ends with 1 when a promise was broken: a false or missed lapse.
try {
  const options = readOptions(process.argv.slice(2));
  if (options === null) {
    process.stdout.write(usage);
  } else {
    const report = await runFleet(options, (text) => void process.stderr.write(`${text}\n`));
    process.stdout.write(asText(report));
    if (options.json !== null) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
    process.exitCode = falseLapses(report) + report.detection.missed > 0 ? 1 : 0;
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
