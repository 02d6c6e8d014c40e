//! Looking at what is recorded, page by page, by those who may. Nothing here changes anything.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Place;
use crate::config::Home;
use crate::domain::account::AccountId;
use crate::domain::actor::Actor;
use crate::domain::alarm::Alarm;
use crate::domain::audit::AuditLine;
use crate::domain::occurrence::Occurrence;
use crate::domain::role::Act;
use crate::domain::standing::{self, Recorded, Summary};
use crate::domain::time::Instant;
use crate::domain::window::Window;

use super::desk::{Desk, DeskError};
use super::incidents::{Incident, IncidentRow};
use super::tokens::sees_all;
use super::{check_audit, desk, windows};

pub use crate::catalog::DrillRow;
pub use crate::catalog::{
    AccountRow, AlarmRow, CertificateRow, CoverageRow, NoticeRow, Place as ListPlace, RunLife, RunRow,
    SnapshotRow, TokenRow,
};
pub use crate::workflows::check_audit::{AuditError, Head};

/// Rows on a page of the console.
pub const LIST_PAGE: u32 = 50;

/// The newest proof of coverage of each plan, by plan; `None`: never proved.
pub type Proofs = BTreeMap<String, Option<CoverageRow>>;

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// Its rows.
    pub rows: Vec<T>,
    /// The last row's place, if more follow.
    pub next: Option<Place>,
}

impl<T> Page<T> {
    /// The first rows of all that are left.
    pub fn of_all(rows: Vec<T>, limit: u32, place: impl Fn(&T) -> Place) -> Self {
        page(rows, limit, place)
    }
}

/// Cuts off the row that was read only to see whether more follow.
fn page<T>(mut rows: Vec<T>, limit: u32, place: impl Fn(&T) -> Place) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| has_more).map(place);
    Page { rows, next }
}

fn numbered(number: u64) -> Place {
    Place { at: Instant::from_micros(i64::try_from(number).unwrap_or(i64::MAX)), id: String::new() }
}

/// A plan as far as the service shows it: no path, no schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanShown {
    /// Its name.
    pub name: String,
    /// SHA-256 of what an approval covers, hexadecimal; `None` while its file cannot be read.
    pub digest: Option<String>,
}

/// The plans, by name.
pub fn plans(desk: &Desk, home: &Home, by: &Actor) -> Result<Vec<PlanShown>, DeskError> {
    by.check(Act::Read)?;
    let mut names: BTreeSet<String> = desk.contents.keys().cloned().collect();
    names.extend(home.plan_names());
    let shown = |name: String| PlanShown { digest: desk::content_digest(desk, &name), name };
    Ok(names.into_iter().map(shown).collect())
}

/// Windows, newest request first; of one state, or of any if it is empty.
pub async fn windows(
    desk: &Desk,
    by: &Actor,
    after: &Place,
    state: &str,
    limit: u32,
) -> Result<Page<Window>, DeskError> {
    by.check(Act::Read)?;
    let rows = desk.catalog.windows_page(after, state, limit + 1).await?;
    Ok(page(rows, limit, |row| Place { at: row.requested_at, id: row.id.clone() }))
}

/// The windows that are requested or approved, newest first; there are few.
pub async fn windows_alive(desk: &Desk, by: &Actor) -> Result<Vec<Window>, DeskError> {
    by.check(Act::Read)?;
    let mut alive = desk.catalog.windows_alive().await?;
    alive.reverse();
    Ok(alive)
}

/// The windows that are neither, newest first; after the id of a place.
pub async fn windows_closed(
    desk: &Desk,
    by: &Actor,
    after: &Place,
    limit: u32,
) -> Result<Page<Window>, DeskError> {
    by.check(Act::Read)?;
    // Greater than every id.
    let before = if after.id.is_empty() { "~" } else { &after.id };
    let rows = desk.catalog.windows_closed(before, limit + 1).await?;
    Ok(page(rows, limit, |row| Place { at: row.requested_at, id: row.id.clone() }))
}

/// Occurrences that start in a span, by their start.
pub async fn occurrences(
    desk: &Desk,
    by: &Actor,
    after: &Place,
    span: (Instant, Instant),
    limit: u32,
) -> Result<Page<Occurrence>, DeskError> {
    by.check(Act::Read)?;
    let rows = desk.catalog.occurrences_page(after, span, limit + 1).await?;
    Ok(page(rows, limit, |row| Place { at: row.span.0, id: row.id.clone() }))
}

/// The occurrence of an id.
pub async fn occurrence(desk: &Desk, by: &Actor, id: &str) -> Result<Occurrence, DeskError> {
    by.check(Act::Read)?;
    windows::occurrence(desk, id).await
}

/// Alarms, newest first; those that are `open` or `cleared`, or any if the state is empty.
pub async fn alarms(
    desk: &Desk,
    by: &Actor,
    after: &Place,
    state: &str,
    limit: u32,
) -> Result<Page<AlarmRow>, DeskError> {
    by.check(Act::Read)?;
    let rows = desk.catalog.alarms_page(after, state, limit + 1).await?;
    let id = |alarm: &Alarm| format!("{}/{}", alarm.code.word(), alarm.subject);
    Ok(page(rows, limit, |row| Place { at: row.alarm.since, id: id(&row.alarm) }))
}

/// The newest proof of coverage of each plan that has a file.
pub async fn coverage(desk: &Desk, by: &Actor, now: Instant) -> Result<Proofs, DeskError> {
    by.check(Act::Read)?;
    let mut proofs: Proofs = desk.contents.keys().map(|plan| (plan.clone(), None)).collect();
    for row in desk.catalog.newest_coverage(now).await? {
        if let Some(proof) = proofs.get_mut(&row.plan) {
            *proof = Some(row);
        }
    }
    Ok(proofs)
}

/// A proof as far as one answer for all plans needs it.
pub fn recorded(row: &CoverageRow) -> Recorded<'_> {
    let CoverageRow { checked_at, alive, whole, exceptions, .. } = row;
    Recorded { checked_at: *checked_at, alive: *alive, whole: *whole, exceptions }
}

/// What these proofs say together.
pub fn standing(proofs: &Proofs, now: Instant) -> Summary {
    let recorded: Vec<Option<Recorded<'_>>> = proofs.values().map(|row| row.as_ref().map(recorded)).collect();
    standing::summary(&recorded, now)
}

/// Runs, newest first; of one plan, or of any if it is empty.
pub async fn runs(
    desk: &Desk,
    by: &Actor,
    after: &Place,
    plan: &str,
    limit: u32,
) -> Result<Page<RunRow>, DeskError> {
    by.check(Act::Read)?;
    let rows = desk.catalog.runs_page(after, plan, limit + 1).await?;
    Ok(page(rows, limit, |row| Place { at: row.start.started_at, id: row.start.run.clone() }))
}

/// The run of an id.
pub async fn run(desk: &Desk, by: &Actor, id: &str) -> Result<RunRow, DeskError> {
    by.check(Act::Read)?;
    desk.catalog.run(id).await?.ok_or_else(|| DeskError::None { what: "run", id: id.to_owned() })
}

/// Snapshots as far as the host knows them, newest first; of one plan, or of any if it is empty.
pub async fn snapshots(
    desk: &Desk,
    by: &Actor,
    after: &Place,
    plan: &str,
    limit: u32,
) -> Result<Page<SnapshotRow>, DeskError> {
    by.check(Act::Read)?;
    let rows = desk.catalog.snapshots_page(after, plan, limit + 1).await?;
    Ok(page(rows, limit, |row| Place { at: row.taken_at, id: row.digest.to_string() }))
}

/// The last restore drill of a plan that went well.
pub async fn newest_drill(desk: &Desk, by: &Actor, plan: &str) -> Result<Option<DrillRow>, DeskError> {
    by.check(Act::Read)?;
    Ok(super::drill::newest(&desk.catalog, plan).await?)
}

/// All notices, current or not, last changed first.
pub async fn notices(
    desk: &Desk,
    by: &Actor,
    after: &Place,
    limit: u32,
) -> Result<Page<NoticeRow>, DeskError> {
    by.check(Act::ReadNotices)?;
    let rows = desk.catalog.notices_page(after, limit + 1).await?;
    Ok(page(rows, limit, |row| Place { at: row.updated_at, id: row.notice.clone() }))
}

/// Incidents, newest first: of a state, `open` for all that are not closed, or of any if it is empty.
pub async fn incidents(
    desk: &Desk,
    by: &Actor,
    after: &Place,
    (state, limit): (&str, u32),
) -> Result<Page<IncidentRow>, DeskError> {
    by.check(Act::Read)?;
    let rows = desk.catalog.incidents_page(after, state, limit + 1).await?;
    Ok(page(rows, limit, |row| Place { at: row.found_at, id: row.incident.clone() }))
}

/// An incident, whole.
pub async fn incident(desk: &Desk, by: &Actor, id: &str) -> Result<Incident, DeskError> {
    by.check(Act::Read)?;
    super::incidents::look(desk, id).await
}

/// The revisions of a notice after a number (the place's time), oldest first.
pub async fn notice_revisions(
    desk: &Desk,
    by: &Actor,
    id: &str,
    after: &Place,
    limit: u32,
) -> Result<Page<NoticeRow>, DeskError> {
    by.check(Act::ReadNotices)?;
    let number = u32::try_from(after.at.as_micros()).unwrap_or(0);
    let rows = desk.catalog.notice_revisions(id, number, limit + 1).await?;
    if rows.is_empty() && number == 0 {
        return Err(DeskError::None { what: "notice", id: id.to_owned() });
    }
    Ok(page(rows, limit, |row| numbered(u64::from(row.revision))))
}

/// Whether somebody may look at accounts: who manages them, and who reads the audit log.
fn check_accounts(by: &Actor) -> Result<(), DeskError> {
    Ok(by.check(Act::ManageAccounts).or_else(|denied| by.check(Act::ReadAudit).map_err(|_| denied))?)
}

/// Accounts by id, after one.
pub async fn accounts(
    desk: &Desk,
    by: &Actor,
    after: &Place,
    limit: u32,
) -> Result<Page<AccountRow>, DeskError> {
    check_accounts(by)?;
    let rows = desk.catalog.accounts_page(&after.id, limit + 1).await?;
    Ok(page(rows, limit, |row| Place { at: row.created_at, id: row.account.to_string() }))
}

/// The account of an id.
pub async fn account(desk: &Desk, by: &Actor, id: &AccountId) -> Result<AccountRow, DeskError> {
    check_accounts(by)?;
    let none = || DeskError::None { what: "account", id: id.to_string() };
    desk.catalog.account(id).await?.ok_or_else(none)
}

/// Tokens, newest first: one's own, or all for those who manage accounts or read the audit log.
pub async fn tokens(desk: &Desk, by: &Actor, after: &Place, limit: u32) -> Result<Page<TokenRow>, DeskError> {
    let own = Some(&by.account).filter(|_| !sees_all(by));
    let rows = desk.catalog.tokens_page(after, own, limit + 1).await?;
    Ok(page(rows, limit, |row| Place { at: row.created_at, id: row.token.clone() }))
}

/// Lines of the audit log before a number (the place's time), newest first.
pub async fn audit(
    desk: &Desk,
    by: &Actor,
    before: &Place,
    limit: u32,
) -> Result<Page<AuditLine>, DeskError> {
    by.check(Act::ReadAudit)?;
    let number = u64::try_from(before.at.as_micros()).unwrap_or(0);
    let rows = desk.catalog.audit_page(number, limit + 1).await?;
    Ok(page(rows, limit, |row| numbered(row.sequence)))
}

/// Checks the whole audit log, against a head that was noted elsewhere if there is one.
pub async fn verify_audit(desk: &Desk, by: &Actor, expected: Option<Head>) -> Result<Head, AuditError> {
    by.check(Act::ReadAudit).map_err(AuditError::Denied)?;
    check_audit::verify(&desk.catalog, expected).await
}

/// Certificates of deletion before a number (the place's time), newest first.
pub async fn certificates(
    desk: &Desk,
    by: &Actor,
    before: &Place,
    limit: u32,
) -> Result<Page<CertificateRow>, DeskError> {
    by.check(Act::Read)?;
    let number = u64::try_from(before.at.as_micros()).unwrap_or(0);
    let rows = desk.catalog.certificates(number, limit + 1).await?;
    Ok(page(rows, limit, |row| numbered(row.number)))
}

/// The certificate of a number.
pub async fn certificate(desk: &Desk, by: &Actor, number: u64) -> Result<Option<CertificateRow>, DeskError> {
    by.check(Act::Read)?;
    let rows = desk.catalog.certificates(number.saturating_add(1), 1).await?;
    Ok(rows.into_iter().find(|row| row.number == number))
}
