# The steps that every client tells, for the tools of a command line. A story says first how its tool does it:
#   call METHOD JSON     prints the answer as JSON; fails when the call is refused
#   refused METHOD JSON  prints the error of a call as JSON
#   watch JSON           prints the events of a stream as JSON, until it is killed
# and then tells every protocol with `tell PROTOCOL HTTP`. METHOD is `gitpod.v1.RunnerService/GetRunner`, say.

runners=gitpod.v1.RunnerService
unknown_id=01900000-0000-7000-8000-000000000000

# expect JSON FILTER: the filter of jq must hold; $id is the story's first runner.
expect() {
  jq --exit-status --arg id "$first" "$2" <<<"$1" >/dev/null && return
  echo "expected $2 of: $1" >&2
  return 1
}

# grpc_frame TYPE: the message that comes in as JSON, shorter than 256 bytes, as gRPC sends it: a byte that says "not
# compressed", the length in four, the message.
grpc_frame() {
  buf convert "$PROTO" --type "$1" --from -#format=json --to message.binpb
  printf '\0\0\0\0%b' "$(printf '\\x%02x' "$(stat --format=%s message.binpb)")"
  cat message.binpb
}

new_runner() {
  call $runners/CreateRunner "{\"name\":\"$1\",\"provider\":\"RUNNER_PROVIDER_AWS_EC2\",\"spec\":{\"configuration\":{\"region\":\"eu-central-1\",\"autoUpdate\":true}}}"
}

step_create() {
  local created
  created="$(new_runner interop-1)"
  first="$(jq --raw-output .runner.runnerId <<<"$created")"
  expect "$created" '.runner.runnerId | test("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")'
  expect "$created" '.exchangeToken | startswith("rcexc_")'
  expect "$created" '.runner.status.phase == "RUNNER_PHASE_CREATED" and .runner.kind == "RUNNER_KIND_REMOTE"'
}

step_get() {
  local got
  got="$(call $runners/GetRunner "{\"runnerId\":\"$first\"}")"
  expect "$got" '.runner | .runnerId == $id and .name == "interop-1"'
  expect "$got" '.runner.spec.configuration == {region: "eu-central-1", autoUpdate: true}'
}

step_list() {
  local wanted="$first" seen="" next="" page name id
  for name in interop-2 interop-3; do
    wanted+=" $(new_runner "$name" | jq --raw-output .runner.runnerId)"
  done
  while :; do
    page="$(call $runners/ListRunners "{\"pagination\":{\"pageSize\":2,\"token\":\"$next\"}}")"
    expect "$page" '.runners | length <= 2'
    seen+="$(jq --raw-output .runners[].runnerId <<<"$page")"$'\n'
    next="$(jq --raw-output '.pagination.nextToken // ""' <<<"$page")"
    [ -n "$next" ] || break
  done
  for id in $wanted; do [ "$(grep --count "$id" <<<"$seen")" -eq 1 ]; done
}

step_watch() {
  # In a process group of its own, so that what a tool starts ends with it.
  set -m
  watch '{"organization":true}' >events 2>watch.log &
  local stream=$! round=0
  set +m
  # No tool says alike that the stream has begun: the runner is renamed until the stream tells so.
  until jq --slurp --exit-status --arg id "$first" 'any(.resourceId == $id and .resourceType == "RESOURCE_TYPE_RUNNER" and .operation == "RESOURCE_OPERATION_UPDATE")' events >/dev/null 2>&1; do
    round=$((round + 1))
    if [ $round -gt 50 ]; then
      echo "no event came: $(cat events watch.log)" >&2
      break
    fi
    call $runners/UpdateRunner "{\"runnerId\":\"$first\",\"name\":\"interop-1 renamed $round\"}" >/dev/null
    sleep 0.2
  done
  kill -- -$stream
  wait $stream || true
  [ $round -le 50 ]
}

step_error() {
  local error
  error="$(refused $runners/CreateRunner '{"name":"ab"}')"
  # gRPC has numbers for codes, and Connect has names.
  expect "$error" '.code == "invalid_argument" or .code == 3'
  expect "$error" 'any(.. | .violations? // empty | .[]; .field.elements[0].fieldName == "name")'

  error="$(refused $runners/GetRunner "{\"runnerId\":\"$unknown_id\"}")"
  expect "$error" '.code == "not_found" or .code == 5'
  expect "$error" '.message == "runner not found"'
  # Who does not know the type of a detail shows its bytes.
  expect "$error" 'any(.details[]; .reason == "RUNNER_NOT_FOUND" or (.value | @base64d | contains("RUNNER_NOT_FOUND")))'
}

# Runs every step over one protocol, or those of $steps, and says which one failed.
tell() {
  local step first=""
  for step in ${steps:-create get list watch error}; do
    current="$1 $2 $step"
    step_$step
    echo "ok $current"
  done
}

# `set -e` ends a story at the first thing that does not hold.
current="- - create"
trap 'status=$?; [ $status -eq 0 ] || echo "not ok $current: ended with $status"' EXIT
