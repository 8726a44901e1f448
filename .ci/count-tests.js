// Prints how many tests of a jest report passed and failed; every file that could not run counts as one that failed.
import { readFileSync } from "node:fs";

const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(
  readFileSync(process.argv[2], "utf8"),
);
const failed = numFailedTests + numRuntimeErrorTestSuites;
process.stdout.write(`${numPassedTests} ${failed}\n`);
const none = numPassedTests === 0 && failed === 0;
process.exitCode = none ? 1 : 0;
