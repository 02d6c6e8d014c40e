//! Proving that users can read what they were told: Kura opens its own public page under the address that they use, when
//! the lead begins and again before the start, and keeps what it saw. Without a proof the gate refuses.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::digest::Sha256;
use crate::catalog::{NoticeRow, ProofRow, Unproven};
use crate::domain::occurrence::Occurrence;
use crate::domain::proof::{self, ToProve};
use crate::domain::time::Instant;
use crate::portal::page::{Fetched, Page};

use super::desk::{Desk, DeskError};
use super::sign_in::line;

/// How often the page is looked at for a notice that it did not show, seconds.
const PAUSE_SECONDS: i64 = 30;

/// What a look did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Proven {
    /// Notices that the page showed.
    pub seen: u32,
    /// Notices that it did not.
    pub missing: u32,
}

/// The notice that names an occurrence: its own, or that of its window.
fn notice_of<'a>(notices: &'a [NoticeRow], occurrence: &Occurrence) -> Option<&'a NoticeRow> {
    let own = notices.iter().find(|row| row.occurrence.as_ref() == Some(&occurrence.id));
    own.or_else(|| notices.iter().find(|row| row.window == occurrence.window && row.occurrence.is_none()))
}

/// When the page was seen last with the notice of an occurrence.
pub(super) async fn proven_at(
    desk: &Desk,
    occurrence: &Occurrence,
    now: Instant,
) -> Result<Option<Instant>, DeskError> {
    let notice = desk.catalog.notice_of(&occurrence.window, &occurrence.id).await?;
    let Some(notice) = notice.filter(|row| row.closed_at.is_none()) else { return Ok(None) };
    Ok(desk.catalog.proven_at(&notice.notice, now).await?)
}

/// Whether the page was looked at for the notice of an occurrence, and did not show it.
pub(super) async fn is_unproven(desk: &Desk, occurrence: &Occurrence) -> Result<bool, DeskError> {
    let notice = desk.catalog.notice_of(&occurrence.window, &occurrence.id).await?;
    let Some(notice) = notice else { return Ok(true) };
    Ok(desk.catalog.unproven().await?.iter().any(|row| row.notice == notice.notice))
}

/// Looks at the page if a proof is due, once for all notices.
pub async fn prove(desk: &Desk, page: &dyn Page, now: Instant) -> Result<Proven, DeskError> {
    let windows = desk.catalog.windows().await?;
    let open = desk.catalog.occurrences_since(now).await?;
    let notices = desk.catalog.standing_notices().await?;
    let mut newest: BTreeMap<&str, Option<Instant>> = BTreeMap::new();
    for notice in &notices {
        newest.insert(&notice.notice, desk.catalog.proven_at(&notice.notice, now).await?);
    }
    let failed = desk.catalog.unproven().await?;
    let mut due: BTreeMap<&str, &NoticeRow> = BTreeMap::new();
    for occurrence in open.iter().filter(|occurrence| occurrence.state.is_open()) {
        let window = windows.iter().find(|window| window.id == occurrence.window);
        let Some((window, announced_at)) = window.zip(occurrence.announced_at) else { continue };
        let Some(notice) = notice_of(&notices, occurrence) else { continue };
        let lead_days = desk.lead.of(&window.terms);
        let what = ToProve { announced_at, span: occurrence.span, lead_days };
        if proof::is_due(&what, newest.get(notice.notice.as_str()).copied().flatten(), now) {
            due.insert(&notice.notice, notice);
        }
    }
    forget(desk, &failed, &due).await?;
    let pauses =
        |row: &Unproven| now < Instant::from_micros(row.last_at.as_micros() + PAUSE_SECONDS * 1_000_000);
    let pausing: BTreeSet<&str> =
        failed.iter().filter(|row| pauses(row)).map(|row| row.notice.as_str()).collect();
    due.retain(|id, _| !pausing.contains(id));
    if due.is_empty() {
        return Ok(Proven::default());
    }
    let answer = page.fetch().await;
    let mut proven = Proven::default();
    for notice in due.values() {
        let problem = match &answer {
            Ok(fetched) => problem_of(fetched, notice),
            Err(error) => Some(super::causes::with_causes(error)),
        };
        match (problem, &answer) {
            (None, Ok(fetched)) => {
                keep(desk, page, fetched, notice, now).await?;
                proven.seen += 1;
            }
            (problem, _) => {
                let problem = problem.unwrap_or_default();
                desk.catalog.note_unproven(&notice.notice, page.address(), &problem, now).await?;
                tracing::error!(notice.id = notice.notice, problem, "the public page does not show a notice");
                proven.missing += 1;
            }
        }
    }
    Ok(proven)
}

/// Notices that nobody has to see any more are no longer missed.
async fn forget(desk: &Desk, failed: &[Unproven], due: &BTreeMap<&str, &NoticeRow>) -> Result<(), DeskError> {
    for row in failed.iter().filter(|row| !due.contains_key(row.notice.as_str())) {
        desk.catalog.forget_unproven(&row.notice).await?;
    }
    Ok(())
}

fn problem_of(fetched: &Fetched, notice: &NoticeRow) -> Option<String> {
    if fetched.status != 200 {
        return Some(format!("it answered {}", fetched.status));
    }
    let text = String::from_utf8_lossy(&fetched.body);
    let words = &notice.words;
    proof::missing_from(&text, &notice.notice, &words.title, &words.body)
        .map(|what| format!("it does not show {what}"))
}

async fn keep(
    desk: &Desk,
    page: &dyn Page,
    fetched: &Fetched,
    notice: &NoticeRow,
    now: Instant,
) -> Result<(), DeskError> {
    let proof = ProofRow {
        notice: notice.notice.clone(),
        revision: notice.revision,
        fetched_at: now,
        address: page.address().to_owned(),
        status: fetched.status,
        digest: Sha256::of(&fetched.body),
    };
    let mut tx = desk.catalog.begin().await?;
    match tx.add_proof(&proof).await.map_err(DeskError::from) {
        // Another program saw it at the same moment.
        Err(DeskError::Stale(_)) => return Ok(()),
        other => other?,
    }
    let detail = format!("revision {} at {}, page {}", proof.revision, proof.address, proof.digest);
    Ok(tx.commit(&[line(now, "kura", "notice.proof", &proof.notice, &detail)]).await?)
}
