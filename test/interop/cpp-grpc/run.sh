# Builds in the scratch folder, so that nothing generated lies beside the sources.
cmake -S "$HERE" -B build -DPROTO="$PROTO"
cmake --build build --parallel 2
build/story
