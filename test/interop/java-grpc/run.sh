# Builds in the scratch folder, so that nothing generated lies beside the sources.
mkdir -p src/main/java
cp "$HERE/pom.xml" .
cp "$HERE/Story.java" src/main/java/
maven() { mvn --batch-mode --no-transfer-progress -Dmaven.repo.local="$WORK/repository" "$@"; }
# Maven writes codes of the terminal around its own lines, which would hide the version.
maven compile >&2
sed -n 's|.*<grpc.version>\(.*\)</grpc.version>|version io.grpc \1|p' pom.xml
maven --quiet exec:java
