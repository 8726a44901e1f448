// Prints how many tests of a report passed and failed; every file that could not run counts as one that failed.
import { readFileSync } from "node:fs";

const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const notRun = testResults.filter(
  ({ status, assertionResults }) =>
    status === "failed" && !assertionResults.some((test) => test.status === "failed"),
).length;
process.stdout.write(`${numPassedTests} ${numFailedTests + notRun}\n`);
process.exitCode = numPassedTests === 0 && numFailedTests + notRun === 0 ? 1 : 0;
