# The tests that need root or programs besides Node.js. Counted one by one, as those of 20-tests.sh.
report="$OUT/system.json"
status=0
npm run test:system -- --reporter=default --reporter=json --outputFile.json="$report" || status=$?
node .ci/count-tests.js "$report" >"$OUT/21-system.count"
echo "note: $(cut -d' ' -f1 "$OUT/21-system.count") system tests passed"
exit "$status"
