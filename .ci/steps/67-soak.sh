# A server under mixed load and connection churn holds no more at the end; `npm run test:soak` alone takes 10 minutes.
npm run test:soak -- --seconds 72 --count "$OUT/67-soak.count" || failed=1
grep ' tolerated$' "$OUT/67-soak.log" | sed 's/^/note: /'
exit "${failed:-0}"
