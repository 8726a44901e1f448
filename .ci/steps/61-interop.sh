# Clients of other makes against a server of their own; none may be missing. What a client downloads and builds is
# made anew here, by its own ordinary package client.
packages=()
want() { command -v "$1" >/dev/null || packages+=("${@:2}"); }
want go golang-go
want java default-jdk-headless
want mvn maven
want cargo cargo
want python3 python3 python3-venv
want protoc protobuf-compiler libprotobuf-dev
want cmake cmake
want g++ g++
want pkg-config pkg-config
want chromium chromium
want ruby ruby
want h2load nghttp2-client
want curl curl
want jq jq
command -v grpc_cpp_plugin >/dev/null || packages+=(libgrpc++-dev protobuf-compiler-grpc libprotobuf-dev)
ruby -e 'require "grpc"' 2>/dev/null || packages+=(ruby-grpc ruby-grpc-tools)
if [ ${#packages[@]} -gt 0 ]; then
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${packages[@]}"
fi
npm run test:interop -- --complete --cache "$OUT/interop" --count "$OUT/61-interop.count" || failed=1
echo "note: $(cut -d' ' -f1 "$OUT/61-interop.count") steps of other clients passed"
exit "${failed:-0}"
