//! The document against the service, by schemathesis: no 5xx, no answer that is not documented, by any role.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use kura::clock::{Clock, ManualClock};
use kura::domain::role::Role;
use kura::domain::time::Instant;
use tokio::process::Command;

use super::site::Site;

/// The longest that one run may take; it takes a quarter of that on an idle machine.
const TIME_MAX: Duration = Duration::from_mins(4);

/// A clock that goes on by a second whenever it is read: nobody is held back for asking often.
struct Hasty(AtomicI64);

impl Clock for Hasty {
    fn now(&self) -> Instant {
        Instant::from_micros(self.0.fetch_add(1_000_000, Ordering::SeqCst))
    }
}

/// Tries everything out with the token of a role; `examples` for each address.
async fn fuzz(role: Role, examples: &str, phases: &str) {
    let now = crate::windows::at("2026-11-22", "12:00");
    let hasty = Arc::new(Hasty(AtomicI64::new(now.as_micros())));
    let site = Site::on(hasty, Arc::new(ManualClock::new(now)), now).await;
    let reports = tempfile::tempdir().expect("a folder");
    let run = Command::new("bash")
        .args(["tests/support/schemathesis.sh", "run", &format!("http://{}/api/openapi.json", site.address)])
        .args(["--checks", "all", "--phases", phases, "--max-examples", examples, "--seed", "20261122"])
        .args(["--workers", "1", "--no-shrink", "--warnings", "off", "--suppress-health-check", "all"])
        .args(["--header", &format!("Authorization: Bearer {}", site.token(role))])
        // The folder for what it remembers of runs before: none, so that each run is the first.
        .current_dir(crate::support::ROOT)
        .env("HYPOTHESIS_STORAGE_DIRECTORY", reports.path())
        .env("NO_COLOR", "1")
        .kill_on_drop(true)
        .output();
    let done = tokio::time::timeout(TIME_MAX, run).await.expect("in time").expect("it runs");
    let words = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{role}: {words}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(words.contains("passed"), "something was tried: {words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_kept_to_for_those_who_manage() {
    Box::pin(fuzz(Role::SystemAdministrator, "10", "examples,coverage,fuzzing")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_kept_to_for_those_who_decide() {
    Box::pin(fuzz(Role::ServiceOperator, "6", "examples,fuzzing")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_kept_to_for_those_who_act_in_an_emergency() {
    Box::pin(fuzz(Role::OperationsManager, "5", "examples,fuzzing")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_kept_to_for_those_who_operate() {
    Box::pin(fuzz(Role::SystemOperator, "5", "examples,fuzzing")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_kept_to_for_those_who_audit() {
    Box::pin(fuzz(Role::Auditor, "5", "examples,fuzzing")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_kept_to_for_machines_outside() {
    Box::pin(fuzz(Role::Portal, "5", "examples,fuzzing")).await;
}
