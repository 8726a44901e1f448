# Builds in the scratch folder, so that nothing generated lies beside the sources.
cp "$HERE"/{go.mod,go.sum,story.go,buf.gen.yaml} .
mkdir -p bin
go build -mod=readonly -o bin/ google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc
PATH="$PWD/bin:$PATH" buf generate "$PROTO" --path "$PROTO/gitpod" --path "$PROTO/rollcall"
go vet ./...
go build -mod=readonly -o bin/story .
bin/story
