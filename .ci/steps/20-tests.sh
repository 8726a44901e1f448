# README's second line. Counts every test, and every file that could not run, from the runner's own report.
report="$OUT/jest.json"
status=0
npm test -- --ci --json --outputFile="$report" || status=$?
node -e '
  const report = JSON.parse(fs.readFileSync(process.argv[1], "utf8"));
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  const none = report.numPassedTests === 0 && failed === 0;
  console.log(`${report.numPassedTests} ${failed + (none ? 1 : 0)}`);
  process.exitCode = none ? 1 : 0;
' "$report" >"$OUT/20-tests.count"
echo "note: $(cut -d' ' -f1 "$OUT/20-tests.count") tests passed"
exit "$status"
