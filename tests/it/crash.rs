//! `kill -9` at any moment of a snapshot, again and again over one repository (K-8).

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::kura::listing;

const KILLS: u64 = 200;

fn kura(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kura"));
    command.arg("--home").arg(home).args(arguments).stdin(Stdio::null());
    command
}

fn run(home: &Path, arguments: &[&str]) -> serde_json::Value {
    let output = kura(home, arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} ended with {:?}: {text}", output.status.code());
    serde_json::from_slice(&output.stdout).unwrap_or(serde_json::Value::Null)
}

/// Bytes that do not compress, different for every seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0_u8; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

#[test]
fn two_hundred_kills_leave_a_repository_that_verifies_and_restores() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let text = |name: &str| at(name).display().to_string();
    std::fs::create_dir_all(at("source/sub")).unwrap();
    for number in 0..200_u64 {
        std::fs::write(at(&format!("source/sub/{number}")), noise(number, 3000)).unwrap();
    }
    run(
        &at("home"),
        &["init", "--json", "--store", &text("store"), "--new-recovery-key", &text("recovery.key")],
    );
    let plan = format!(
        "name = \"crash\"\nclass = \"application\"\n[[source]]\nkind = \"directory\"\npath = {:?}\nsent_day = \"mtime\"\n",
        text("source")
    );
    std::fs::write(at("home/policies/crash.toml"), plan).unwrap();
    let begun = Instant::now();
    run(&at("home"), &["snapshot", "crash", "--json"]);
    // A run is killed at some moment between its start and a little after a whole one takes.
    let whole = u64::try_from(begun.elapsed().as_micros()).unwrap().min(400_000);
    let mut ended = 0;
    for kill in 0..KILLS {
        std::fs::write(at("source/large"), noise(kill / 3, 3 << 20)).unwrap();
        std::fs::write(at(&format!("source/sub/{}", kill % 200)), noise(kill + 1000, 4000)).unwrap();
        if kill % 5 == 0 {
            std::fs::remove_file(at(&format!("source/sub/{}", (kill * 7 + 3) % 200))).unwrap_or_default();
        }
        let mut child = kura(&at("home"), &["snapshot", "crash", "--json", "--quiet"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(kill.wrapping_mul(7919) % 100 * (whole + whole / 8) / 100));
        child.kill().unwrap();
        ended += u64::from(child.wait().unwrap().success());
    }
    assert!(ended < KILLS, "no run was killed in time");
    run(&at("home"), &["snapshot", "crash", "--json"]);
    let report = run(&at("home"), &["verify", "--json", "--identity", &text("recovery.key")]);
    assert_eq!(report["problems"], serde_json::json!([]), "{report}");
    run(
        dir.path(),
        &[
            "restore",
            "latest",
            "--json",
            "--store",
            &text("store"),
            "--identity",
            &text("recovery.key"),
            "--to",
            &text("out"),
        ],
    );
    assert_eq!(listing(&at("out")), listing(&at("source")));
}
