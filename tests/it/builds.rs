//! README's second command builds on what its first has built: no dependency is compiled twice.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::support::ROOT;

/// Every dependency with its features, as cargo would build them.
fn features(arguments: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(ROOT).args(["tree", "--offline", "--locked", "--prefix", "none", "-f", "{p}\t{f}"]);
    command.args(["--target", "x86_64-unknown-linux-gnu"]).args(arguments);
    let told = command.output().expect("cargo");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for line in String::from_utf8_lossy(&told.stdout).lines() {
        if let Some((name, features)) = line.trim_end_matches(" (*)").split_once('\t') {
            found.entry(name.to_owned()).or_default().insert(features.trim().to_owned());
        }
    }
    found
}

#[test]
fn the_tests_ask_for_no_other_features_than_the_program() {
    let program = features(&["--package", "kura", "--edges", "normal,build"]);
    let tests = features(&["--workspace", "--edges", "normal,build,dev"]);
    assert!(program.len() > 100, "{}", program.len());
    for (name, features) in &program {
        assert_eq!(
            tests.get(name),
            Some(features),
            "{name} would be compiled again for the tests: name the features in Cargo.toml"
        );
    }
}
