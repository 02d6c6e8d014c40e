//! The main job against a real S3 server, with the real program: a plain bucket and one with Object Lock.

use std::process::Command;

use crate::support::kura::listing;
use crate::support::s3::{address, server};

#[test]
fn a_tree_goes_to_a_bucket_and_comes_back_from_the_bucket_alone() {
    let server = server();
    for bucket in [&server.bucket, &server.lock_bucket] {
        let dir = tempfile::tempdir().unwrap();
        let text = |name: &str| dir.path().join(name).display().to_string();
        std::fs::create_dir_all(dir.path().join("source/a")).unwrap();
        for number in 0..50 {
            std::fs::write(
                dir.path().join(format!("source/a/{number}")),
                format!("record {number}").repeat(200),
            )
            .unwrap();
        }
        let large: Vec<u8> = (0..6_000_000_u32).flat_map(u32::to_le_bytes).collect();
        std::fs::write(dir.path().join("source/large"), large).unwrap();
        let store = address(bucket, &server.endpoint).to_string();
        let (key, secret) = server.writer.split_once(':').unwrap();
        let kura = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_kura"));
            command
                .env("AWS_ACCESS_KEY_ID", key)
                .env("AWS_SECRET_ACCESS_KEY", secret)
                .arg("--home")
                .arg(text("home"));
            let output = command.args(arguments).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{arguments:?}: {said}");
            serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap_or(serde_json::Value::Null)
        };
        kura(&["init", "--json", "--store", &store, "--new-recovery-key", &text("recovery.key")]);
        let plan = format!(
            "name = \"s3\"\nclass = \"system\"\n[[source]]\nkind = \"directory\"\npath = {:?}\n",
            text("source")
        );
        std::fs::write(dir.path().join("home/policies/s3.toml"), plan).unwrap();
        let first = kura(&["snapshot", "s3", "--json"]);
        assert_eq!(first["files"], 51, "{first}");
        let second = kura(&["snapshot", "s3", "--json"]);
        assert!(second["new_bytes_stored"].as_u64().unwrap() < 10_000, "{second}");
        let report = kura(&["verify", "--json", "--identity", &text("recovery.key")]);
        assert_eq!(report["problems"], serde_json::json!([]), "{report}");
        std::fs::remove_dir_all(dir.path().join("home")).unwrap();
        let (identity, to) = (text("recovery.key"), text("out"));
        kura(&["restore", "latest", "--json", "--store", &store, "--identity", &identity, "--to", &to]);
        assert_eq!(listing(&dir.path().join("out")), listing(&dir.path().join("source")));
    }
}
