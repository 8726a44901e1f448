# Without the hot path, every call goes through Connect: conformance suite and other clients must not see a difference.
export ROLLCALL_TEST_HOT_PATH=off
npm run test:conformance -- --cache "$OUT/conformance" --count "$OUT/66-conformance" || failed=1
npm run test:interop -- --only stories --complete --cache "$OUT/interop" --count "$OUT/66-interop" || failed=1
paste -d' ' "$OUT/66-conformance" "$OUT/66-interop" | awk '{ print $1 + $3, $2 + $4 }' >"$OUT/66-long-way.count"
exit "${failed:-0}"
