//! Tells the tests where the program is that they run, as cargo tells the tests of the program's own package.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "cargo speaks with a build script in variables and lines, and a build without them is none"
)]

use std::path::Path;

fn main() {
    // OUT_DIR is target/release/build/kura-tests-…/out.
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    let built = Path::new(&out).ancestors().nth(3).expect("cargo's layout");
    println!("cargo::rustc-env=CARGO_BIN_EXE_kura={}", built.join("kura").display());
    println!("cargo::rerun-if-changed=build.rs");
}
