# The story of every client, told by curl: plain JSON in both directions, and JSON lines for a stream. Then gRPC byte
# by byte, for the google.rpc.Status that an error carries in its trailers.
. "$HERE/../steps.sh"

# answer STATUS METHOD JSON: the answer must have that status, and the HTTP version of the row.
answer() {
  local got
  got="$(curl -s $flag --write-out '\n%{http_code} %{http_version}' -H "Authorization: Bearer $ROLLCALL_TOKEN" \
    --json "$3" "$ROLLCALL_URL/$2")"
  # $1 is a pattern.
  case "$(tail -n 1 <<<"$got")" in
    $1" $http") head -n -1 <<<"$got" ;;
    *) echo "$got" >&2 && return 1 ;;
  esac
}
call() { answer 200 "$@"; }
refused() { answer '4??' "$@"; }
watch() {
  curl -sN $flag -H "Authorization: Bearer $ROLLCALL_TOKEN" -H 'Accept: application/jsonl' --json "$1" \
    "$ROLLCALL_URL/gitpod.v1.EventService/WatchEvents"
}

# status METHOD TYPE JSON: the google.rpc.Status of a call that gRPC refuses, as JSON with its details decoded.
status() {
  grpc_frame "$2" <<<"$3" >request
  curl -s --http2-prior-knowledge -D headers -o body -H "Authorization: Bearer $ROLLCALL_TOKEN" \
    -H 'Content-Type: application/grpc' -H 'TE: trailers' --data-binary @request "$ROLLCALL_URL/$1"
  local sent
  sent="$(tr -d '\r' <headers | sed -n 's/^grpc-status-details-bin: //p')"
  # gRPC leaves the padding of base64 away.
  while [ $((${#sent} % 4)) -ne 0 ]; do sent+="="; done
  base64 --decode <<<"$sent" | buf convert "$PROTO" --type google.rpc.Status --from -#format=binpb
}

step_status() {
  local status
  status="$(status $runners/CreateRunner gitpod.v1.CreateRunnerRequest '{"name":"ab"}')"
  expect "$status" '.code == 3 and (.message | startswith("name: must be at least 3 characters"))'
  expect "$status" '.details[0] | ."@type" == "type.googleapis.com/buf.validate.Violations"
    and .violations[0].field.elements[0].fieldName == "name"'
  status="$(status $runners/GetRunner gitpod.v1.GetRunnerRequest "{\"runnerId\":\"$unknown_id\"}")"
  expect "$status" '. == {code: 5, message: "runner not found", details: [
    {"@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "RUNNER_NOT_FOUND", domain: "rollcall"}]}'
}

http=2 flag=--http2-prior-knowledge tell JSON 2
http=1.1 flag=--http1.1 tell JSON 1.1
steps=status tell gRPC 2
