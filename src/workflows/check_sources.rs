//! What the sources of a plan lack on this machine: nothing is stored, nothing is changed.

use std::path::Path;

use crate::domain::plan::{Plan, SourceKind};
use crate::domain::time::Instant;
use crate::sources::{self, Basis};

/// What is missing, in words, source after source. `spill` is a folder for temporary files.
pub async fn missing(plan: &Plan, now: Instant, spill: &Path) -> Vec<String> {
    let basis = Basis { plan, now, spill };
    let mut missing = Vec::new();
    for source in plan.sources() {
        if matches!(source.kind(), SourceKind::Directory) && !source.path().is_dir() {
            missing.push(format!("{} is no folder on this machine", source.path().display()));
        }
        let found = sources::check(&basis, source).await;
        missing.extend(found.into_iter().map(|words| format!("source {}: {words}", source.name())));
    }
    missing
}
