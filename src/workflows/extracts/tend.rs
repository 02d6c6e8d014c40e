//! Extracts that ended halfway are given up; sealed files whose time is over are removed. Doing it twice changes nothing.

use crate::archive::digest::Sha256;
use crate::catalog::{Catalog, ExtractRow, ExtractState};
use crate::config::Home;
use crate::domain::permit::PermitState;
use crate::domain::time::Instant;
use crate::workflows::permits::{self, Execution};
use crate::workflows::sign_in::line;

use super::ExtractError;
use super::shelf::{self, ExtractLock};

/// Who acts here.
const KURA: &str = "kura";

/// Gives up what programs that died left, and removes files whose time is over. Says how many of each.
pub async fn tend(catalog: &Catalog, home: &Home, now: Instant) -> Result<(u64, u64), ExtractError> {
    shelf::sweep_locks(home)?;
    let (mut given_up, mut removed) = (0, 0);
    for row in catalog.open_extracts().await? {
        match row.state {
            ExtractState::Making => {
                // Whoever holds the lock still makes it.
                if let Some(lock) = ExtractLock::take(home, &row.permit)? {
                    given_up += give_up_dead(catalog, home, &row.permit, now).await?;
                    drop(lock);
                }
            }
            ExtractState::Delivered if row.removed_at.is_none() && is_over(catalog, &row, now).await? => {
                shelf::remove(home, &row.permit, row.execution)?;
                let which = (row.permit.as_str(), row.execution);
                let mut tx = catalog.begin().await?;
                tx.remove_extract(which, now).await?;
                let detail = format!("execution {}", row.execution);
                tx.commit(&[line(now, KURA, "extract.remove", &row.permit, &detail)]).await?;
                removed += 1;
            }
            ExtractState::Delivered | ExtractState::Abandoned => {}
        }
    }
    Ok((given_up, removed))
}

/// Whether a file can be fetched no more, whatever comes.
async fn is_over(catalog: &Catalog, row: &ExtractRow, now: Instant) -> Result<bool, ExtractError> {
    let Some(permit) = catalog.permit(&row.permit).await? else { return Ok(false) };
    let is_open =
        matches!(permit.permit.state, PermitState::Executing { .. } | PermitState::Delivered { .. });
    Ok(!is_open || permits::zone().day_of(now) > permit.permit.content.period.1)
}

/// Gives up what was being made under a permit by programs that live no more: the caller holds the lock.
pub(super) async fn give_up_dead(
    catalog: &Catalog,
    home: &Home,
    permit: &str,
    now: Instant,
) -> Result<u64, ExtractError> {
    let mut given_up = 0;
    for row in catalog.extracts(Some(permit)).await? {
        if row.state != ExtractState::Making {
            continue;
        }
        shelf::remove(home, permit, row.execution)?;
        let mut tx = catalog.begin().await?;
        let digest = Sha256([0; 32]);
        let execution = Execution { permit: permit.to_owned(), number: row.execution, digest };
        let ended = permits::abandon(&mut tx, &execution, (KURA, "died"), now).await?;
        tx.abandon_extract((permit, row.execution), "died", now).await?;
        let detail = format!("execution {}: died", row.execution);
        let own = line(now, KURA, "extract.abandon", permit, &detail);
        tx.commit(&ended.into_iter().chain([own]).collect::<Vec<_>>()).await?;
        given_up += 1;
    }
    Ok(given_up)
}
