# The tarball in an empty folder: npx runs it, and installed it serves, answers, stops cleanly, and says so when the runtime is too old.
folder="$(mktemp -d)"
server=
trap '[ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
npm pack --pack-destination "$folder"
mkdir "$folder/empty"
(cd "$folder/empty" && npx --yes --package "$folder"/rollcall-*.tgz rollcall config)
cd "$folder"
npm init --yes >npm-init.log
npm install --omit=dev ./rollcall-*.tgz
npx --no-install rollcall --help

node_modules/.bin/rollcall serve --port 0 --data-dir "$folder/data" >ready.log &
server=$!
for _ in $(seq 100); do
  [ -s ready.log ] || ! kill -0 "$server" && break
  sleep 0.1
done
url="$(sed -n 's/^listening on //p' ready.log)"
curl --fail --silent --show-error "$url/readyz"
kill -TERM "$server"
wait "$server"
server=

old="$(type -ap node | while read -r node; do
  [ "$("$node" -p 'process.versions.node.split(".")[0] < 24')" = true ] && echo "$node" && break
done || true)"
if [ -z "$old" ]; then
  echo "note: no runtime older than 24 here to be refused by"
  exit 0
fi
if "$old" node_modules/rollcall/dist/main.js serve 2>refusal.log; then exit 1; fi
grep 'rollcall needs Node.js 24 or newer' refusal.log
