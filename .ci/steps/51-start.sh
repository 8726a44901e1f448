# Scripts start it by README's lines too: npm start serves, and a signal to npm ends it as one to the server does. A
# shell between the two would die of the signal and leave the server behind, hence "exec" in package.json.
folder="$(mktemp -d)"
npm=
trap '[ -z "$npm" ] || kill -KILL -- "-$npm" 2>/dev/null || true; rm -rf "$folder"' EXIT
set -m # a process group of its own, to end all of it if it does not end by itself
npm start -- --port 0 --data-dir "$folder/data" >"$folder/log" 2>&1 &
npm=$!
for _ in $(seq 200); do
  grep -q '^listening on ' "$folder/log" && break
  sleep 0.1
done
curl --fail --silent --show-error "$(sed -n 's/^listening on //p' "$folder/log")/readyz"
kill -TERM "$npm"
wait "$npm"
grep '"msg":"stopped"' "$folder/log"
npm=
