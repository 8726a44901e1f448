# Connect's conformance suite against the stack that `rollcall serve` runs. Its runner is a Go program.
if ! command -v go >/dev/null; then
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends golang-go
fi
npm run test:conformance -- --cache "$OUT/conformance" --count "$OUT/60-conformance.count" || failed=1
echo "note: $(cut -d' ' -f1 "$OUT/60-conformance.count") conformance cases passed"
exit "${failed:-0}"
