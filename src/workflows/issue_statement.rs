//! A statement of recoverability as the service issues it: without a recovery key, from what is there, signed and stored.
//!
//! Reading everything again takes as long as it takes: that is `kura incident statement`.

use std::sync::Arc;

use crate::archive::progress::Progress;
use crate::catalog::Catalog;
use crate::clock::Clock;

use super::host::Host;
use super::replica::{self, ReplicaError};
use super::statement::{self, Asked, Copy, Statement, StatementError};
use super::verify::Viewer;

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// Nothing can be said, or the store failed.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The second store.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// Makes, signs and stores a statement; gives its number and the digest of what was signed. `hosts`: who signs, who looks at
/// the first store, who looks at the second.
pub async fn issue(
    hosts: [Host; 3],
    catalog: &Catalog,
    (asked, by): (Asked, &str),
    clock: &dyn Clock,
) -> Result<(Statement, u64, String), IssueError> {
    let [host, first, other] = hosts;
    let mut copies =
        vec![Copy { location: host.settings.store.clone(), viewer: Arc::new(Viewer::of_host(first)) }];
    if let Some(vault) = replica::open(&host.settings).await? {
        let location = host.settings.replica.as_ref().map_or_else(String::new, |one| one.store.clone());
        copies.push(Copy { location, viewer: Arc::new(Viewer { vault, ..Viewer::of_host(other) }) });
    }
    let progress = Arc::new(Progress::default());
    let made = statement::make(asked, &copies, (Some(catalog), None), clock, &progress).await?;
    let (number, signed) = statement::record(&host, catalog, (&made, by), clock).await?;
    let digest = statement::digest(&signed);
    Ok((made, number, digest))
}
