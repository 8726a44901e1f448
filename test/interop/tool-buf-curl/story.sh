# The story of every client, told by `buf curl` over each protocol that it speaks. It learns the schema by reflection.
. "$HERE/../steps.sh"

# What docs/clients.md shows: it registers a runner and lists all that the caller may see.
first_runners() {
  # docs:begin
  buf curl -H "Authorization: Bearer $ROLLCALL_TOKEN" \
    -d '{"name":"build-1","provider":"RUNNER_PROVIDER_AWS_EC2"}' \
    "$ROLLCALL_URL/gitpod.v1.RunnerService/CreateRunner"

  # Other protocols: --protocol grpc or grpcweb.
  buf curl --protocol grpc --http2-prior-knowledge -H "Authorization: Bearer $ROLLCALL_TOKEN" \
    "$ROLLCALL_URL/gitpod.v1.RunnerService/ListRunners"
  # docs:end
}

call() {
  buf curl --protocol "$protocol" --http2-prior-knowledge -H "Authorization: Bearer $ROLLCALL_TOKEN" \
    -d "$2" "$ROLLCALL_URL/$1"
}
refused() { ! call "$@" 2>&1; }
watch() { call gitpod.v1.EventService/WatchEvents "$1"; }

first_runners
protocol=grpc tell gRPC 2
protocol=grpcweb tell gRPC-Web 2
protocol=connect tell Connect 2
