//! Statements of recoverability (復元可能性の証明): each copy is checked, what may be said of each day is decided, the answer is
//! signed and stored. Without a recovery key nobody can say which path lies in which day: nothing is then said of paths.

use std::ffi::OsString;
use std::sync::Arc;

use bytes::Bytes;

use crate::archive::digest::Sha256;
use crate::archive::envelope::payload_type;
use crate::archive::evidence::AuditPosition;
use crate::archive::layout::{self, ObjectKind};
use crate::archive::progress::Progress;
use crate::archive::records::FORMAT;
use crate::archive::statement::{StatedCohort, StatedPath, StatedSnapshot, StatementRecord};
use crate::catalog::{Catalog, CatalogError};
use crate::clock::Clock;
use crate::domain::cohort::CohortId;
use crate::domain::plan::PlanName;
use crate::domain::statement::{
    CohortStanding, CopyState, NamedSnapshot, PathStanding, Timed, Verdict, estimate,
};
use crate::domain::time::{Day, Instant};

use super::drill;
use super::host::Host;
use super::past::{Past, PastError};
use super::replica;
use super::repository::{Opened, RepositoryError};
use super::restore::RestoreError;
use super::sign_in::line;
use super::statement_paths::look_for;
use super::take_snapshot::SnapshotError;
use super::upload::put_own;
use super::verify::{self, Report, Request, Viewer};

pub use super::past::AsOf;
pub use crate::domain::statement::Checked;

/// Its lines in the audit log.
const ACT: &str = "statement";

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The plan.
    pub plan: PlanName,
    /// The first and last sent day; all, if there are none.
    pub days: Option<(Day, Day)>,
    /// The snapshot that is meant.
    pub as_of: AsOf,
    /// Paths; only a recovery key can look for them.
    pub paths: Vec<OsString>,
    /// How far copies are checked.
    pub checked: Checked,
}

/// A copy: where it is, and who looks at it.
pub struct Copy {
    /// Its address.
    pub location: String,
    /// Who looks.
    pub viewer: Arc<Viewer>,
}

/// What may be said.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What was asked.
    pub asked: Asked,
    /// When it was made.
    pub made_at: Instant,
    /// The snapshot that it speaks of.
    pub snapshot: NamedSnapshot,
    /// Where the copies are.
    pub locations: Vec<String>,
    /// What is known of each cohort that was asked for.
    pub cohorts: Vec<CohortStanding>,
    /// What is known of each path; empty without a recovery key.
    pub paths: Vec<PathStanding>,
    /// Snapshots and keys of the first copy that are missing or altered.
    pub other_problems: u64,
    /// The drill by which the time is reckoned, with its number.
    pub drill: Option<(u64, Timed)>,
    /// How long giving everything back that can be takes, milliseconds.
    pub estimate_ms: Option<u64>,
}

impl Statement {
    /// Whether everything that was asked for, and is owed, can be given back. What was never stored cannot.
    pub fn is_whole(&self) -> bool {
        let owed = |one: &&CohortStanding| one.verdict() != Verdict::Deleted;
        !self.cohorts.is_empty()
            && self.cohorts.iter().filter(owed).all(|one| one.verdict() == Verdict::Recoverable)
            && self
                .paths
                .iter()
                .all(|path| path.files > 0 && path.recoverable == path.files && path.unreadable == 0)
    }

    /// How many of the paths no copy was found of.
    pub fn missing_paths(&self) -> usize {
        self.paths.iter().filter(|path| path.files == 0).count()
    }

    /// That no copy of something was found, for people: Japanese and English; none if there is a copy of everything.
    pub fn nothing_found(&self) -> Option<(String, String)> {
        if self.cohorts.is_empty() {
            let ja = "対象の発信日の写しは、見つかりませんでした。復元できるものはありません";
            return Some((
                ja.to_owned(),
                "no copy of these days was found: nothing can be given back".to_owned(),
            ));
        }
        let (missing, asked) = (self.missing_paths(), self.paths.len());
        (missing > 0).then(|| {
            (
                format!("指定されたパス{asked}件のうち{missing}件は、写しが見つかりませんでした"),
                format!("of {missing} of {asked} paths no copy was found"),
            )
        })
    }

    /// How many cohorts have a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.cohorts.iter().filter(|one| one.verdict() == verdict).count()
    }

    /// Files and bytes that can be given back.
    pub fn recoverable(&self) -> (u64, u64) {
        let sizes =
            self.cohorts.iter().filter(|one| one.verdict() == Verdict::Recoverable).map(|one| one.size);
        sizes.fold((0, 0), |(files, bytes), (f, b)| (files.saturating_add(f), bytes.saturating_add(b)))
    }
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// There is no snapshot that could be spoken of.
    #[error(transparent)]
    Past(#[from] PastError),
    /// Paths, and nobody who could look for them.
    #[error("names of files are sealed: a path can only be looked for with a recovery key (--identity)")]
    Sealed,
    /// The store, or a record in it.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// Looking for paths.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// Storing the statement.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Says of which days and paths an identical copy exists. `opened` is there with a recovery key.
pub async fn make(
    asked: Asked,
    copies: &[Copy],
    (catalog, opened): (Option<&Catalog>, Option<Arc<Opened>>),
    clock: &dyn Clock,
    progress: &Arc<Progress>,
) -> Result<Statement, StatementError> {
    if opened.is_none() && !asked.paths.is_empty() {
        return Err(StatementError::Sealed);
    }
    let read = (asked.checked != Checked::Presence).then_some((1, 1));
    let mut reports = Vec::new();
    // First, since it is quick: reading everything takes its time.
    let viewers: Vec<&Viewer> = copies.iter().map(|copy| &*copy.viewer).collect();
    let mut past = Past::read(&viewers, (&asked.plan, &asked.as_of), clock.now()).await?;
    let snapshot = past.meant().ok_or_else(|| PastError::Nothing(asked.plan.clone()))?;
    for copy in copies {
        let request = Request {
            plan: Some(asked.plan.clone()),
            read,
            known: verify::Known::default(),
            now: clock.now(),
        };
        reports.push(Box::pin(verify::verify(copy.viewer.clone(), &request, progress)).await?);
    }
    past.cohorts.retain(|cohort, _| CohortStanding::is_asked(cohort, asked.days));
    let cohorts: Vec<CohortStanding> = std::mem::take(&mut past.cohorts)
        .into_iter()
        .map(|(cohort, listed)| CohortStanding {
            cohort,
            since: listed.since,
            size: (listed.cohort.files, listed.cohort.bytes),
            older: Some(listed.last.named()).filter(|last| *last != snapshot),
            copies: reports.iter().map(|report| state(report, &asked.plan, &cohort)).collect(),
            is_deleted: reports.iter().any(|report| is_deleted(report, &asked.plan, &cohort)),
        })
        .collect();
    let paths = match opened {
        Some(opened) => look_for(&asked.paths, opened, (&past, &cohorts), clock.now()).await?,
        None => Vec::new(),
    };
    let drill = match catalog {
        Some(catalog) => drill::newest(catalog, asked.plan.as_str()).await?.map(|row| {
            (row.number, Timed { files: row.files, bytes: row.bytes, milliseconds: row.milliseconds })
        }),
        None => None,
    };
    let mut statement = Statement {
        other_problems: reports.first().map_or(0, |report| others(report, &asked.plan)),
        asked,
        made_at: clock.now(),
        snapshot,
        locations: copies.iter().map(|copy| copy.location.clone()).collect(),
        cohorts,
        paths,
        drill,
        estimate_ms: None,
    };
    let size = statement.recoverable();
    statement.estimate_ms = estimate(statement.drill.map(|(_, timed)| timed), size);
    Ok(statement)
}

fn problems(report: &Report, prefix: &str) -> u64 {
    let found = report.problems.iter().filter(|problem| problem.object.starts_with(prefix));
    u64::try_from(found.count()).unwrap_or(u64::MAX)
}

fn state(report: &Report, plan: &PlanName, cohort: &CohortId) -> CopyState {
    let Some(seen) = report.seen.iter().find(|seen| seen.plan == *plan && seen.cohort == *cohort) else {
        return CopyState::Absent;
    };
    match problems(report, &format!("{plan}/{cohort}/")) {
        0 => CopyState::Whole,
        _ if seen.packs == 0 => CopyState::Absent,
        found => CopyState::Damaged(found),
    }
}

fn is_deleted(report: &Report, plan: &PlanName, cohort: &CohortId) -> bool {
    report.seen.iter().any(|seen| seen.plan == *plan && seen.cohort == *cohort && seen.is_deleted)
}

/// What is wrong and belongs to no cohort.
fn others(report: &Report, plan: &PlanName) -> u64 {
    let prefixes = [format!("{plan}/snapshots"), "kura/".to_owned(), "keys/".to_owned()];
    prefixes.iter().map(|prefix| problems(report, prefix)).fold(0, u64::saturating_add)
}

/// SHA-256 of what was signed.
pub fn digest(signed: &[u8]) -> String {
    Sha256::of(signed).to_string()
}

/// Signs and stores a statement, with a line in the audit log. Gives its number and what was signed.
pub async fn record(
    host: &Host,
    catalog: &Catalog,
    (statement, by): (&Statement, &str),
    clock: &dyn Clock,
) -> Result<(u64, Vec<u8>), StatementError> {
    let head = catalog.audit_newest(1).await?;
    let audit =
        head.first().map(|line| AuditPosition { sequence: line.sequence, digest: Sha256(line.digest) });
    let mut record = shape(statement, host, audit);
    let until = host.evidence_end(clock.now());
    let listed = host.vault.list(layout::STATEMENTS).await.map_err(RepositoryError::from)?;
    let numbers = listed.iter().filter_map(|one| match layout::parse(&one.key) {
        Some(ObjectKind::Statement(number)) => Some(number),
        _ => None,
    });
    // What the store does not show now was stored nevertheless: no number is given twice.
    let newest = numbers.max().unwrap_or(0).max(named_last(catalog).await?);
    let first = newest.saturating_add(1);
    let mut signed = Vec::new();
    for number in first..=u64::MAX {
        record.number = number;
        let key = layout::statement(number);
        signed = host.sign_record(&key, payload_type::STATEMENT, &record)?;
        let stored = put_own(&*host.vault, &key, &Bytes::from(signed.clone()), Some(until.into())).await;
        if stored.map_err(SnapshotError::from)? {
            break;
        }
    }
    host.vault.flush().await.map_err(RepositoryError::from)?;
    let key = layout::statement(record.number);
    replica::bring(host, &key, &Bytes::from(signed.clone()), until).await;
    let detail = format!(
        "statement {}: {} of {} can be given back, {}",
        record.number,
        statement.count(Verdict::Recoverable),
        statement.cohorts.len(),
        Sha256::of(&signed)
    );
    let tx = catalog.begin().await?;
    tx.commit(&[line(clock.now(), by, ACT, statement.asked.plan.as_str(), &detail)]).await?;
    Ok((record.number, signed))
}

/// The number of the statement that the audit log names last; 0 if it names none.
async fn named_last(catalog: &Catalog) -> Result<u64, CatalogError> {
    let line = catalog.audit_newest_of(ACT).await?;
    let named = line.as_ref().and_then(|line| line.entry.detail.strip_prefix("statement ")?.split_once(':'));
    Ok(named.and_then(|(number, _)| number.parse().ok()).unwrap_or(0))
}

fn stated(snapshot: &NamedSnapshot) -> StatedSnapshot {
    StatedSnapshot {
        sequence: snapshot.sequence,
        digest: snapshot.digest.clone(),
        taken_at: snapshot.taken_at.to_string(),
    }
}

fn shape(statement: &Statement, host: &Host, audit: Option<AuditPosition>) -> StatementRecord {
    let asked = &statement.asked;
    let cohorts = statement.cohorts.iter().map(|one| StatedCohort {
        cohort: one.cohort.to_string(),
        since: Some(one.since.to_string()),
        files: one.size.0,
        bytes: one.size.1,
        snapshot: one.older.as_ref().map(stated),
        copies: one.copies.iter().map(|copy| copy.word().to_owned()).collect(),
        verdict: one.verdict().word().to_owned(),
    });
    let paths = statement.paths.iter().map(|one| StatedPath {
        files: one.files,
        bytes: one.bytes,
        recoverable: one.recoverable,
        unreadable: one.unreadable,
        snapshot: one.older.as_ref().map(stated),
    });
    StatementRecord {
        format: FORMAT,
        repository: host.trust.repository.repository.clone(),
        number: 0,
        plan: asked.plan.to_string(),
        days: asked.days.map(|(from, to)| (from.to_string(), to.to_string())),
        made_at: statement.made_at.to_string(),
        snapshot: Some(stated(&statement.snapshot)),
        checked: asked.checked.word().to_owned(),
        copies: statement.locations.clone(),
        cohorts: cohorts.collect(),
        paths: paths.collect(),
        other_problems: statement.other_problems,
        drill: statement.drill.map(|(number, _)| number),
        estimate_milliseconds: statement.estimate_ms,
        audit,
    }
}
