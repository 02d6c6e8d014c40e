//! Stopping an extract that somebody, or another program, makes: its execution ends here, in the catalog, and whoever
//! makes it finds that out before anything is handed over.

use crate::archive::digest::Sha256;
use crate::catalog::{Catalog, ExtractRow, ExtractState};
use crate::domain::actor::Actor;
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::workflows::permits::{self, Execution};
use crate::workflows::sign_in::line;

use super::ExtractError;

/// The code of an execution that somebody cancelled.
pub(super) const CANCELLED: &str = "cancelled";

/// Ends the execution that is being made under a permit, and says which one. Nothing was handed over, so it does not
/// count.
pub async fn cancel(
    catalog: &Catalog,
    number: &str,
    (by, now): (&Actor, Instant),
) -> Result<u32, ExtractError> {
    by.check(Act::ExecutePermit)?;
    let rows = catalog.extracts(Some(number)).await?;
    let is_made = |row: &&ExtractRow| row.state == ExtractState::Making;
    let row = rows.iter().find(is_made).ok_or_else(|| ExtractError::NotMaking(number.to_owned()))?;
    let execution = Execution { permit: number.to_owned(), number: row.execution, digest: Sha256([0; 32]) };
    let who = (by.account.as_str(), CANCELLED);
    let mut tx = catalog.begin().await?;
    let ended = permits::abandon(&mut tx, &execution, who, now).await?;
    // `Stale` if it was handed over, or given up, a moment ago.
    tx.abandon_extract((number, row.execution), CANCELLED, now).await?;
    let detail = format!("execution {}", row.execution);
    let own = line(now, who.0, "extract.cancel", number, &detail);
    tx.commit(&ended.into_iter().chain([own]).collect::<Vec<_>>()).await?;
    Ok(row.execution)
}

/// Whether an execution was ended by somebody else than whoever makes it.
pub(super) async fn is_cancelled(
    catalog: &Catalog,
    (permit, execution): (&str, u32),
) -> Result<bool, ExtractError> {
    let rows = catalog.extracts(Some(permit)).await?;
    Ok(rows.iter().any(|row| row.execution == execution && row.state == ExtractState::Abandoned))
}
