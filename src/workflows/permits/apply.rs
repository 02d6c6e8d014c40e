//! Applying for a permit, and changing what was applied for. Whatever changes, an approval counts no more.

use crate::archive::digest::Sha256;
use crate::catalog::{Catalog, Tx};
use crate::domain::actor::Actor;
use crate::domain::permit::{Permit, PermitContent, PermitEvent, PermitRefusal, PermitState, may_apply};
use crate::domain::role::Act;
use crate::domain::time::{Day, Instant};
use crate::workflows::desk::DeskError;
use crate::workflows::extracts;
use crate::workflows::sign_in::line;

use super::decide::Seen;
use super::{after, find, zone};

/// The first part of a permit's number: the year of 令和 of its day, such as `R08`.
fn year(day: Day) -> String {
    format!("R{:02}", day.date().year().saturating_sub(2018))
}

/// Checks an application as it would be stored: in the name of whoever applies, of today.
fn check(
    content: &PermitContent,
    datasets: &[String],
    by: &Actor,
    now: Instant,
) -> Result<PermitContent, DeskError> {
    let content =
        PermitContent { applicant: by.account.clone(), applied_on: zone().day_of(now), ..content.clone() };
    if let Some(problem) = content.problems().into_iter().next() {
        return Err(problem.into());
    }
    if content.period.1 < content.applied_on {
        return Err(PermitRefusal::Over(content.period.1).into());
    }
    // Nobody approves what no program would carry out.
    extracts::check(&content, datasets)?;
    Ok(content)
}

/// Checks that whoever applies owes no after-use measure, and gives the permits of which something may still become.
async fn check_owed(tx: &mut Tx, by: &Actor, now: Instant) -> Result<Vec<Permit>, DeskError> {
    let permits: Vec<Permit> = tx.permits_open().await?.into_iter().map(|row| row.permit).collect();
    may_apply(&by.account, &permits, &zone(), now)?;
    Ok(permits)
}

/// Applies for a permit and gives its number; the number of the one that waits, if the same was applied for already.
///
/// The applicant is whoever applies, the day is today, whatever `content` says. `datasets` are those of the settings.
pub async fn apply(
    (catalog, datasets): (&Catalog, &[String]),
    content: &PermitContent,
    by: &Actor,
    now: Instant,
) -> Result<String, DeskError> {
    by.check(Act::ApplyPermit)?;
    let content = check(content, datasets, by, now)?;
    let mut tx = catalog.begin().await?;
    let permits = check_owed(&mut tx, by, now).await?;
    let is_same = |permit: &&Permit| permit.state == PermitState::Applied && permit.content == content;
    if let Some(waiting) = permits.iter().find(is_same).map(|permit| permit.number.clone()) {
        let detail = "the same waits already, nothing was added";
        tx.commit(&[line(now, by.account.as_str(), "permit.apply", &waiting, detail)]).await?;
        return Ok(waiting);
    }
    let number = tx.add_permit(&year(content.applied_on), &content, now).await?;
    commit(tx, ("permit.apply", &number, 1), &content, by, now).await?;
    Ok(number)
}

/// Writes another revision of an application: it waits for a decision again. Only the applicant does.
pub async fn change(
    (catalog, datasets): (&Catalog, &[String]),
    number: &str,
    (content, seen): (&PermitContent, Seen),
    by: &Actor,
    now: Instant,
) -> Result<u32, DeskError> {
    by.check(Act::ApplyPermit)?;
    let content = check(content, datasets, by, now)?;
    let mut tx = catalog.begin().await?;
    check_owed(&mut tx, by, now).await?;
    let row = find(&mut tx, number).await?;
    seen.check(&row)?;
    let event = PermitEvent::Change { content: Box::new(content.clone()) };
    let next = after(&mut tx, &row, &event, &by.account, now).await?;
    if row.permit.content == content && row.permit.state == PermitState::Applied {
        return Ok(row.revision);
    }
    let revision = tx.revise_permit(&row, &next, now).await?;
    commit(tx, ("permit.change", number, revision), &content, by, now).await?;
    Ok(revision)
}

/// What was written is named by its digest: the log holds nothing of what it says.
async fn commit(
    tx: Tx,
    (act, number, revision): (&str, &str, u32),
    content: &PermitContent,
    by: &Actor,
    now: Instant,
) -> Result<(), DeskError> {
    let digest = Sha256::of(content.digest_text().as_bytes());
    let detail = format!("revision {revision}, digest {digest}");
    Ok(tx.commit(&[line(now, by.account.as_str(), act, number, &detail)]).await?)
}
