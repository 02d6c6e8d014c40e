//! What somebody else than the applicant decides about a permit; and its end when its time is over.

use crate::archive::digest::Sha256;
use crate::catalog::{Catalog, PermitRow};
use crate::domain::actor::Actor;
use crate::domain::permit::{PermitEvent, PermitRefusal, PermitState};
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::workflows::desk::DeskError;
use crate::workflows::extracts;
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
        let number = || row.permit.number.clone();
        match self {
            Self::Anything => Ok(()),
            Self::Digits(digits) if digits.chars().count() < DIGITS_MIN => {
                Err(PermitRefusal::ShortDigest { number: number(), digits: DIGITS_MIN }.into())
            }
            Self::Digits(digits) if row.digest.to_string().starts_with(&digits.to_ascii_lowercase()) => {
                Ok(())
            }
            Self::Digits(_) => Err(PermitRefusal::OtherDigest(number()).into()),
            Self::Version(seen) if version(row) == *seen => Ok(()),
            Self::Version(_) => Err(DeskError::Stale(number())),
        }
    }
}

/// Approves what was shown. Nothing is approved that was not: `seen` names it; nor what no program would carry out, with
/// the data sets that the settings know now. Whether an extract was planned for exactly this is noted with it.
pub async fn approve(
    (catalog, datasets): (&Catalog, &[String]),
    number: &str,
    seen: &Seen,
    by: &Actor,
    now: Instant,
) -> Result<Sha256, DeskError> {
    by.check(Act::DecidePermit)?;
    let planned = catalog.extract_plan(number).await?;
    let mut tx = catalog.begin().await?;
    let row = find(&mut tx, number).await?;
    seen.check(&row)?;
    let event = PermitEvent::Approve { digest: row.digest.0 };
    let next = after(&mut tx, &row, &event, &by.account, now).await?;
    extracts::check(&row.permit.content, datasets)?;
    tx.move_permit(&row, &next, "").await?;
    let plan = match planned.filter(|plan| plan.digest == row.digest) {
        Some(plan) => format!("plan {}", Sha256::of(plan.plan.as_bytes())),
        None => "no plan was made of it".to_owned(),
    };
    let detail = format!("revision {}, digest {}, {plan}", row.revision, row.digest);
    tx.commit(&[line(now, by.account.as_str(), "permit.approve", number, &detail)]).await?;
    Ok(row.digest)
}

/// What somebody decides with a reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// The application goes back to who applied.
    Return,
    /// One takes back what one applied for oneself, before anything is made. It may be written anew.
    Withdraw,
    /// The permit is taken away, before or after something was handed over. What runs under it hands nothing over any more.
    Revoke,
    /// The after-use measure is confirmed: what was found, and how.
    Close,
}

impl Ending {
    /// The right that it needs, and its word in the log.
    const fn act(self) -> (Act, &'static str) {
        match self {
            Self::Return => (Act::DecidePermit, "permit.return"),
            Self::Withdraw => (Act::ApplyPermit, "permit.withdraw"),
            Self::Revoke => (Act::DecidePermit, "permit.revoke"),
            Self::Close => (Act::ClosePermit, "permit.close"),
        }
    }

    fn event(self, reason: &str) -> PermitEvent {
        let reason = reason.to_owned();
        match self {
            Self::Return => PermitEvent::Return { reason },
            Self::Withdraw => PermitEvent::Withdraw { reason },
            Self::Revoke => PermitEvent::Revoke { reason },
            Self::Close => PermitEvent::Close,
        }
    }

    /// Which right it needs.
    pub const fn right(self) -> Act {
        self.act().0
    }
}

/// Ends an application or a permit in one of four ways, with the reason, if it is what was shown.
pub async fn end(
    catalog: &Catalog,
    (number, ending): (&str, Ending),
    (reason, seen): (&str, &Seen),
    by: &Actor,
    now: Instant,
) -> Result<(), DeskError> {
    let (act, word) = ending.act();
    by.check(act)?;
    check_reason(reason)?;
    let mut tx = catalog.begin().await?;
    let row = find(&mut tx, number).await?;
    seen.check(&row)?;
    let next = after(&mut tx, &row, &ending.event(reason), &by.account, now).await?;
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
