# README's second line. Counts every test, and every file that could not run, from the runner's own report.
report="$OUT/tests.json"
status=0
npm test -- --reporter=default --reporter=json --outputFile.json="$report" || status=$?
node .ci/count-tests.js "$report" >"$OUT/20-tests.count"
echo "note: $(cut -d' ' -f1 "$OUT/20-tests.count") tests passed"
exit "$status"
