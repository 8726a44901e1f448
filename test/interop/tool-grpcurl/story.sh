# The story of every client, told by grpcurl. It learns the schema by reflection.
. "$HERE/../steps.sh"
address="${ROLLCALL_URL#http://}"

# Registers a runner and lists all that the caller may see.
first_runners() {
  grpcurl -plaintext -H "Authorization: Bearer $ROLLCALL_TOKEN" \
    -d '{"name":"build-1","provider":"RUNNER_PROVIDER_AWS_EC2"}' \
    "$address" gitpod.v1.RunnerService/CreateRunner

  grpcurl -plaintext -H "Authorization: Bearer $ROLLCALL_TOKEN" "$address" gitpod.v1.RunnerService/ListRunners
}

call() {
  grpcurl -plaintext -format-error -H "Authorization: Bearer $ROLLCALL_TOKEN" -d "$2" "$address" "$1"
}
refused() { ! call "$@" 2>&1; }
watch() { call gitpod.v1.EventService/WatchEvents "$1"; }

first_runners
tell gRPC 2
