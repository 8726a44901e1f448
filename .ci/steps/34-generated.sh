# gen/ is what buf makes of proto/: generated again elsewhere, nothing may differ.
fresh="$(mktemp -d)"
trap 'rm -rf "$fresh"' EXIT
buf generate --output "$fresh"
diff --recursive --brief "$fresh/gen" gen
