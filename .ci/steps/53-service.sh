# The systemd unit: systemd reads it without a complaint, and finds little that it leaves open. What it starts does not
# have to be installed here, so the paths are pointed elsewhere.
if ! command -v systemd-analyze; then
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends systemd
fi
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
sed "s|/usr/local/bin/rollcall|$(command -v true)|" docs/operations/rollcall.service >"$folder/rollcall.service"
systemd-analyze verify "$folder/rollcall.service" 2>&1 | tee "$folder/complaints"
[ ! -s "$folder/complaints" ]
# In tenths: 1.3 when it was written.
systemd-analyze security --offline=true --threshold=15 "$folder/rollcall.service"
