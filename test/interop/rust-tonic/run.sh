# Builds in the scratch folder, so that nothing generated lies beside the sources.
cp "$HERE"/{Cargo.toml,Cargo.lock,build.rs,story.rs} .
export CARGO_TARGET_DIR="$WORK/target"
cargo build --locked
sed -n 's/^tonic = "=\(.*\)"/version tonic \1/p' Cargo.toml
target/debug/story
