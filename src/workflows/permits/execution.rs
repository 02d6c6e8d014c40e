//! Making an extract under a permit: whoever makes one calls these inside its own transactions.
//!
//! The permit is read again in the transaction that begins the extract and in the one that hands it over: its state, its
//! days, the digest of what it says now, who acts. Each function gives the line of the audit log that the caller commits.

use crate::archive::digest::Sha256;
use crate::catalog::{Catalog, PermitRow, Tx};
use crate::domain::actor::Actor;
use crate::domain::audit::AuditEntry;
use crate::domain::permit::{PermitEvent, PermitRefusal, PermitState};
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::workflows::desk::DeskError;
use crate::workflows::sign_in::line;

use super::{after, find};

/// An extract that was begun: which permit, the how manieth, under what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Execution {
    /// The permit's number.
    pub permit: String,
    /// From 1: the number of this extract among those of the permit.
    pub number: u32,
    /// SHA-256 of what the permit said when it began.
    pub digest: Sha256,
}

impl Execution {
    /// The permit as it is now, if it still is the one that this extract was begun under.
    fn check(&self, row: &PermitRow) -> Result<(), DeskError> {
        let state = &row.permit.state;
        if matches!(state, PermitState::Executing { .. }) && row.permit.executions != self.number {
            // It was given up, and another one was begun.
            return Err(DeskError::Stale(self.permit.clone()));
        }
        if row.digest != self.digest {
            return Err(PermitRefusal::Changed.into());
        }
        Ok(())
    }
}

/// Begins an extract. From now on nobody else begins one under this permit.
pub async fn begin(
    tx: &mut Tx,
    number: &str,
    by: &Actor,
    now: Instant,
) -> Result<(PermitRow, Execution, AuditEntry), DeskError> {
    by.check(Act::ExecutePermit)?;
    let row = find(tx, number).await?;
    let event = PermitEvent::Begin { digest: row.digest.0 };
    let next = after(tx, &row, &event, &by.account, now).await?;
    tx.move_permit(&row, &next, "").await?;
    let execution = Execution { permit: number.to_owned(), number: next.executions, digest: row.digest };
    let detail = format!("execution {}, digest {}", execution.number, row.digest);
    let entry = line(now, by.account.as_str(), "permit.begin", number, &detail);
    Ok((PermitRow { permit: next, ..row }, execution, entry))
}

/// Hands an extract over: called in the transaction that makes it available, after everything else was written.
/// `detail` says by digests what is handed over.
pub async fn deliver(
    tx: &mut Tx,
    execution: &Execution,
    detail: &str,
    by: &Actor,
    now: Instant,
) -> Result<AuditEntry, DeskError> {
    by.check(Act::ExecutePermit)?;
    let row = find(tx, &execution.permit).await?;
    execution.check(&row)?;
    let event = PermitEvent::Deliver { digest: row.digest.0 };
    let next = after(tx, &row, &event, &by.account, now).await?;
    tx.move_permit(&row, &next, "").await?;
    let detail = format!("execution {}, {detail}", execution.number);
    Ok(line(now, by.account.as_str(), "permit.deliver", &execution.permit, &detail))
}

/// Gives an extract up: nothing was handed over, and it does not count (`Permit::used`). `by` is who says so: an account or `kura`.
/// `None` if there is nothing to give up any more: the permit was revoked, or another extract was begun.
pub async fn abandon(
    tx: &mut Tx,
    execution: &Execution,
    (by, reason): (&str, &str),
    now: Instant,
) -> Result<Option<AuditEntry>, DeskError> {
    let row = find(tx, &execution.permit).await?;
    let PermitState::Executing { by: began, .. } = &row.permit.state else { return Ok(None) };
    if row.permit.executions != execution.number {
        return Ok(None);
    }
    let next = after(tx, &row, &PermitEvent::Abort, &began.clone(), now).await?;
    tx.move_permit(&row, &next, "").await?;
    let detail = format!("execution {}: {reason}", execution.number);
    Ok(Some(line(now, by, "permit.abandon", &execution.permit, &detail)))
}

/// Whether an extract may go on: asked before each batch. It is asked again in [`deliver`], whatever came out here.
pub async fn may_continue(
    catalog: &Catalog,
    execution: &Execution,
    by: &Actor,
    now: Instant,
) -> Result<(), DeskError> {
    by.check(Act::ExecutePermit)?;
    let mut tx = catalog.begin().await?;
    let row = find(&mut tx, &execution.permit).await?;
    execution.check(&row)?;
    // What would be true of handing it over now. Dropped, the transaction changes nothing.
    after(&mut tx, &row, &PermitEvent::Deliver { digest: row.digest.0 }, &by.account, now).await.map(drop)
}
