# Prometheus and its own checker read the metrics of a server at work, the alert rules and the dashboard's expressions.
if ! command -v promtool >/dev/null || ! command -v prometheus >/dev/null; then
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends prometheus
fi
npm run test:monitoring -- --count "$OUT/63-monitoring.count" || failed=1
echo "note: $(cut -d' ' -f1 "$OUT/63-monitoring.count") checks by Prometheus passed"
exit "${failed:-0}"
