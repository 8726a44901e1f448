# What nobody expects, sent to a real server from every side: a short run, with a seed of its own each time.
npm run test:fuzz -- --seconds 40 --count "$OUT/64-fuzz.count" || failed=1
echo "note: $(cut -d' ' -f1 "$OUT/64-fuzz.count") inputs fuzzed"
exit "${failed:-0}"
