# Builds in the scratch folder, so that nothing generated lies beside the sources.
rm -rf gen && mkdir gen
# google.rpc comes with grpc itself, which also decodes the error details.
find "$PROTO"/{buf,gitpod,rollcall} -name '*.proto' -print0 |
  xargs -0 grpc_tools_ruby_protoc --proto_path="$PROTO" --ruby_out=gen --grpc_out=gen
ruby -I gen "$HERE/story.rb"
