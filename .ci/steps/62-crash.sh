# A server is killed under load a few times; `npm run test:crash` alone does it a hundred times.
npm run test:crash -- --kills 12 --count "$OUT/62-crash.count" || failed=1
echo "note: $(cut -d' ' -f1 "$OUT/62-crash.count") kills survived"
exit "${failed:-0}"
