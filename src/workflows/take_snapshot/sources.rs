//! Opening the sources of a plan: folders, programs, databases.

use crate::archive::stream::SourceRoot;
use crate::archive::tree::Tree;
use crate::archive::walk;
use crate::domain::plan::{Source, SourceKind};
use crate::sources::{self, Basis};

use super::Run;
use super::errors::SnapshotError;

/// Opens all of them. What is opened stays as it is for the whole run.
pub(super) async fn open(run: &Run<'_>) -> Result<Vec<SourceRoot>, SnapshotError> {
    let mut roots = Vec::new();
    for source in run.plan().sources() {
        roots.push(open_one(run, source).await?);
    }
    Ok(roots)
}

async fn open_one(run: &Run<'_>, source: &Source) -> Result<SourceRoot, SnapshotError> {
    if matches!(source.kind(), SourceKind::Directory) {
        let opened = Tree::open(source.path());
        let failed = |e| SnapshotError::Source { path: source.path().to_owned(), reason: walk::words(e) };
        return opened.map(SourceRoot::Folder).map_err(failed);
    }
    let spill = run.host.home.spill();
    let basis = Basis { plan: run.plan(), now: run.now, spill: &spill };
    let failed = |source_name: &str, error: sources::SourceError| SnapshotError::Unopened {
        source_name: source_name.to_owned(),
        reason: error.to_string(),
    };
    let opened = sources::open(&basis, source).await;
    opened.map(SourceRoot::Streams).map_err(|error| failed(source.name().as_str(), error))
}
