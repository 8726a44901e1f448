# Builds in the scratch folder, so that nothing generated lies beside the sources.
cp "$HERE"/{CMakeLists.txt,story.cpp} .
cmake -S . -B build -DPROTO="$PROTO"
cmake --build build --parallel 2
build/story
