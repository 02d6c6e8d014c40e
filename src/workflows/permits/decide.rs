//! What somebody else than the applicant decides about a permit; and its end when its time is over.

use crate::archive::digest::Sha256;
use crate::catalog::{Catalog, PermitRow};
use crate::domain::actor::Actor;
use crate::domain::permit::{PermitEvent, PermitState};
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::workflows::desk::DeskError;
use crate::workflows::sign_in::line;
use crate::workflows::windows::check_reason;

use super::{after, find, version, zone};

/// Digits of a digest that say enough of what somebody was shown.
const DIGITS_MIN: usize = 12;

/// What somebody who decides was shown. If it has changed since, nothing is decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Nothing is held against him.
    Anything,
    /// The digest of what the permit says, or its beginning, at least twelve digits.
    Digits(String),
    /// The version: where the permit stands, and what it says.
    Version([u8; 32]),
}

impl Seen {
    /// Whether that is how it still is.
    pub(super) fn check(&self, row: &PermitRow) -> Result<(), DeskError> {
        let is_current = match self {
            Self::Anything => true,
            Self::Digits(digits) => {
                digits.len() >= DIGITS_MIN && row.digest.to_string().starts_with(&digits.to_ascii_lowercase())
            }
            Self::Version(seen) => version(row) == *seen,
        };
        if is_current { Ok(()) } else { Err(DeskError::Stale(row.permit.number.clone())) }
    }
}

/// Approves what was shown. Nothing is approved that was not: `seen` names it.
pub async fn approve(
    catalog: &Catalog,
    number: &str,
    seen: &Seen,
    by: &Actor,
    now: Instant,
) -> Result<Sha256, DeskError> {
    by.check(Act::DecidePermit)?;
    let mut tx = catalog.begin().await?;
    let row = find(&mut tx, number).await?;
    seen.check(&row)?;
    let event = PermitEvent::Approve { digest: row.digest.0 };
    let next = after(&mut tx, &row, &event, &by.account, now).await?;
    tx.move_permit(&row, &next, "").await?;
    let detail = format!("revision {}, digest {}", row.revision, row.digest);
    tx.commit(&[line(now, by.account.as_str(), "permit.approve", number, &detail)]).await?;
    Ok(row.digest)
}

/// Returns an application to who applied, with the reason.
pub async fn return_application(
    catalog: &Catalog,
    number: &str,
    (reason, seen): (&str, &Seen),
    by: &Actor,
    now: Instant,
) -> Result<(), DeskError> {
    let event = PermitEvent::Return { reason: reason.to_owned() };
    decide(catalog, (Act::DecidePermit, "permit.return"), (number, &event), (reason, seen), (by, now)).await
}

/// Takes back what one applied for oneself, before anything is made. It may be written anew.
pub async fn withdraw(
    catalog: &Catalog,
    number: &str,
    (reason, seen): (&str, &Seen),
    by: &Actor,
    now: Instant,
) -> Result<(), DeskError> {
    let event = PermitEvent::Withdraw { reason: reason.to_owned() };
    decide(catalog, (Act::ApplyPermit, "permit.withdraw"), (number, &event), (reason, seen), (by, now)).await
}

/// Takes a permit away, before or after something was handed over. What runs under it hands nothing over any more.
pub async fn revoke(
    catalog: &Catalog,
    number: &str,
    (reason, seen): (&str, &Seen),
    by: &Actor,
    now: Instant,
) -> Result<(), DeskError> {
    let event = PermitEvent::Revoke { reason: reason.to_owned() };
    decide(catalog, (Act::DecidePermit, "permit.revoke"), (number, &event), (reason, seen), (by, now)).await
}

/// Confirms the after-use measure: what was found, and how.
pub async fn close(
    catalog: &Catalog,
    number: &str,
    (reason, seen): (&str, &Seen),
    by: &Actor,
    now: Instant,
) -> Result<(), DeskError> {
    let act = (Act::ClosePermit, "permit.close");
    decide(catalog, act, (number, &PermitEvent::Close), (reason, seen), (by, now)).await
}

async fn decide(
    catalog: &Catalog,
    (act, word): (Act, &str),
    (number, event): (&str, &PermitEvent),
    (reason, seen): (&str, &Seen),
    (by, now): (&Actor, Instant),
) -> Result<(), DeskError> {
    by.check(act)?;
    check_reason(reason)?;
    let mut tx = catalog.begin().await?;
    let row = find(&mut tx, number).await?;
    seen.check(&row)?;
    let next = after(&mut tx, &row, event, &by.account, now).await?;
    tx.move_permit(&row, &next, reason).await?;
    Ok(tx.commit(&[line(now, by.account.as_str(), word, number, reason)]).await?)
}

/// Ends what was applied for or approved and not used before its last day was over; how many. Doing it twice changes
/// nothing.
pub async fn expire(catalog: &Catalog, now: Instant) -> Result<usize, DeskError> {
    let today = zone().day_of(now);
    let is_over = |row: &PermitRow| {
        matches!(row.permit.state, PermitState::Applied | PermitState::Approved(_))
            && today > row.permit.content.period.1
    };
    if !catalog.permits_open().await?.iter().any(is_over) {
        return Ok(0);
    }
    let mut tx = catalog.begin().await?;
    let mut lines = Vec::new();
    for row in tx.permits_open().await?.into_iter().filter(is_over) {
        // Nobody does it: the day is over. The applicant stands for an account that the rule does not look at.
        let by = row.permit.content.applicant.clone();
        let next = after(&mut tx, &row, &PermitEvent::Expire, &by, now).await?;
        tx.move_permit(&row, &next, "").await?;
        let detail = format!("the last day was {}", row.permit.content.period.1);
        lines.push(line(now, "kura", "permit.expire", &row.permit.number, &detail));
    }
    if !lines.is_empty() {
        tx.commit(&lines).await?;
    }
    Ok(lines.len())
}
