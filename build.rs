//! Compiles the protos, without `protoc`.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message as _;

const SERVICES: &[&str] = &[
    "authorization",
    "change",
    "collaborator",
    "consistency",
    "effects",
    "errors",
    "explain",
    "listing",
    "organization",
    "plan",
    "project",
    "removal",
    "replica",
    "roles",
    "team",
    "user",
    "write",
];

fn main() -> Result<(), Box<dyn Error>> {
    let files = SERVICES.iter().map(|name| format!("rolegate/v1/{name}.proto"));
    let descriptors = protox::compile(files, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // for server reflection
    fs::write(out.join("rolegate.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=migrations");
    Ok(())
}
