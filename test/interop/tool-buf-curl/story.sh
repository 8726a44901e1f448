# The story of every client, told by `buf curl` over each protocol that it speaks. It learns the schema by reflection.
. "$HERE/../steps.sh"

call() {
  buf curl --protocol "$protocol" --http2-prior-knowledge -H "Authorization: Bearer $ROLLCALL_TOKEN" \
    -d "$2" "$ROLLCALL_URL/$1"
}
refused() { ! call "$@" 2>&1; }
watch() { call gitpod.v1.EventService/WatchEvents "$1"; }

protocol=grpc tell gRPC 2
protocol=grpcweb tell gRPC-Web 2
protocol=connect tell Connect 2
