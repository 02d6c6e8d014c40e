//! Simulated days: times that do not depend on when the test runs, restores of any kind, what the store holds.
//!
//! Simulated days lie far ahead of the machine's clock, so that no change time looks fresh.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use kura::archive::progress::Progress;
use kura::workflows::choice::Wanted;
use kura::workflows::restore::{self, Owners, RestoreError};

use super::kura::Kura;

/// Runs a command that must succeed.
pub(crate) fn run(program: &str, arguments: &[&str], at: &Path) {
    let output = Command::new(program).args(arguments).current_dir(at).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
}

/// Sets every modification time below `root` (and its own) to noon of a day.
pub(crate) fn settle(root: &Path, day: &str) {
    let time = format!("{day}T12:00:00+09:00");
    run("find", &[".", "-exec", "touch", "-h", "-d", &time, "{}", "+"], root);
}

/// Writes a file whose modification time is noon of a day.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>, day: &str) {
    std::fs::create_dir_all(path.parent().expect("a directory above")).expect("a directory");
    std::fs::write(path, content).expect("the file is written");
    super::kura::touch(path, day);
}

/// Paths below `root` of everything that is not a directory.
pub(crate) fn files(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory").flatten() {
            let path = entry.path();
            if entry.file_type().expect("a type").is_dir() {
                waiting.push(path);
            } else {
                let below = path.strip_prefix(root).expect("below the root");
                found.insert(below.to_string_lossy().into_owned());
            }
        }
    }
    found
}

/// The keys of all objects in the store.
pub(crate) fn objects(kura: &Kura) -> BTreeSet<String> {
    files(&kura.store())
}

/// A request for the latest snapshot into a folder of this name.
pub(crate) fn request(kura: &Kura, name: &str) -> restore::Request {
    restore::Request {
        wanted: Wanted::Latest,
        patterns: Vec::new(),
        to: kura.dir.path().join(name),
        sent: None,
        in_place: false,
        sync: false,
        dry_run: false,
        owners: Owners::Usual,
        expect_head: None,
    }
}

/// Restores what is asked for.
pub(crate) async fn restore_as(
    kura: &Kura,
    request: &restore::Request,
) -> Result<restore::Summary, RestoreError> {
    use kura::clock::Clock as _;
    let progress = Arc::new(Progress::default());
    restore::restore(kura.opened().await, request, kura.clock.now(), &progress).await
}

/// Restores a snapshot by its id; nothing may fail.
pub(crate) async fn restore_of(kura: &Kura, snapshot: &str, name: &str) -> PathBuf {
    let wanted = Wanted::parse(snapshot).expect("a snapshot");
    let request = restore::Request { wanted, ..request(kura, name) };
    let summary = restore_as(kura, &request).await.expect("a restore");
    assert_eq!(summary.failed, Vec::new());
    request.to
}

/// Which files of the latest snapshot count from a day.
pub(crate) async fn sent_on(kura: &Kura, day: &str) -> Vec<String> {
    let day = day.parse().expect("a day");
    let request = restore::Request { sent: Some((day, day)), ..request(kura, "sent-on") };
    let summary = restore_as(kura, &request).await.expect("a restore");
    assert_eq!(summary.failed, Vec::new());
    let found = files(&request.to).into_iter().collect();
    std::fs::remove_dir_all(&request.to).expect("the restore is removed");
    found
}
