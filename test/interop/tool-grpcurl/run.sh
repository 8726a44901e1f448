# Outside of any module: what this repository holds is no concern of it.
version=v1.9.4
(cd / && GOBIN="$WORK/bin" go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$version")
echo "version grpcurl $version"
PATH="$WORK/bin:$PATH" bash -euo pipefail "$HERE/story.sh"
