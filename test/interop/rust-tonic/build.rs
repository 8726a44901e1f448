//! Generates the stubs from the contract. The compiler for .proto files comes with a crate.
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let proto = std::env::var("PROTO")?;
    println!("cargo::rerun-if-env-changed=PROTO");
    // The only writer of this variable, and before any thread.
    unsafe { std::env::set_var("PROTOC", protoc_bin_vendored::protoc_bin_path()?) };

    let mut files = Vec::new();
    for package in ["buf/validate", "gitpod/v1", "rollcall/v1"] {
        for entry in std::fs::read_dir(Path::new(&proto).join(package))? {
            files.push(entry?.path());
        }
    }
    files.sort();
    tonic_prost_build::configure()
        .build_server(false)
        .include_file("contract.rs")
        .compile_protos(&files, &[proto.into()])?;
    Ok(())
}
