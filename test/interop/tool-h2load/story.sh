# A burst of h2load: many calls at once, over few connections. Every one of them must be answered, and must have done
# what its answer says.
. "$HERE/../steps.sh"
count=500

# Registers many runners at once.
burst() {
  echo '{"name":"burst","provider":"RUNNER_PROVIDER_AWS_EC2"}' >request
  h2load -n 500 -c 5 -m 20 -d request -H "Authorization: Bearer $ROLLCALL_TOKEN" \
    -H 'Content-Type: application/json' "$ROLLCALL_URL/gitpod.v1.RunnerService/CreateRunner"
}

call() {
  curl -s -H "Authorization: Bearer $ROLLCALL_TOKEN" --json "$2" "$ROLLCALL_URL/$1"
}

# The runners that there are, counted page by page.
runners_there() {
  local total=0 next="" page
  while :; do
    page="$(call $runners/ListRunners "{\"pagination\":{\"pageSize\":100,\"token\":\"$next\"}}")"
    total=$((total + $(jq '.runners | length' <<<"$page")))
    next="$(jq --raw-output '.pagination.nextToken // ""' <<<"$page")"
    [ -n "$next" ] || break
  done
  echo $total
}

step_burst() {
  local before report
  before="$(runners_there)"
  report="$($burst)"
  grep --fixed-strings "$count done, $count succeeded, 0 failed, 0 errored, 0 timeout" <<<"$report" >&2
  grep --fixed-strings "status codes: $count 2xx" <<<"$report" >&2
  # gRPC says with a status of its own what came of a call, so only what is there now proves it.
  [ "$(runners_there)" -eq $((before + count)) ]
}

burst_http1() {
  h2load --h1 -n $count -c 20 -d request -H "Authorization: Bearer $ROLLCALL_TOKEN" \
    -H 'Content-Type: application/json' "$ROLLCALL_URL/$runners/CreateRunner"
}
burst_grpc() {
  h2load -n $count -c 5 -m 20 -d request.grpc -H "Authorization: Bearer $ROLLCALL_TOKEN" \
    -H 'Content-Type: application/grpc' -H 'TE: trailers' "$ROLLCALL_URL/$runners/CreateRunner"
}

echo '{"name":"burst","provider":"RUNNER_PROVIDER_AWS_EC2"}' | grpc_frame gitpod.v1.CreateRunnerRequest >request.grpc
steps=burst burst=burst tell JSON 2
steps=burst burst=burst_http1 tell JSON 1.1
steps=burst burst=burst_grpc tell gRPC 2
