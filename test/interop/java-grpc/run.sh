# Builds in the scratch folder, so that nothing generated lies beside the sources.
mkdir -p src/main/java
cp "$HERE/pom.xml" .
cp "$HERE/Story.java" src/main/java/
maven() { mvn --batch-mode --no-transfer-progress -Dstyle.color=never -Dmaven.repo.local="$WORK/repository" "$@"; }
maven compile
sed -n 's|.*<grpc.version>\(.*\)</grpc.version>|version io.grpc \1|p' pom.xml
maven --quiet exec:java
