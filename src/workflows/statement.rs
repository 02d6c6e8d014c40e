//! Statements of recoverability (復元可能性の証明): each copy is checked, what may be said of each day is decided, the answer is
//! signed and stored. Without a recovery key nobody can say which path lies in which day: nothing is then said of paths.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;

use bytes::Bytes;

use crate::archive::digest::Sha256;
use crate::archive::entry::Kind;
use crate::archive::envelope::payload_type;
use crate::archive::evidence::{AuditPosition, StatedCohort, StatedPath, StatementRecord};
use crate::archive::layout::{self, ObjectKind};
use crate::archive::progress::Progress;
use crate::archive::records::FORMAT;
use crate::catalog::{Catalog, CatalogError};
use crate::clock::Clock;
use crate::domain::cohort::CohortId;
use crate::domain::plan::PlanName;
use crate::domain::statement::{CohortStanding, CopyState, Timed, Verdict, estimate};
use crate::domain::time::{Day, Instant};

use super::browse::Browser;
use super::choice::Wanted;
use super::drill;
use super::evidence::instant;
use super::host::Host;
use super::repository::{Opened, RepositoryError};
use super::restore::RestoreError;
use super::sign_in::line;
use super::snapshots::{self, SnapshotKeys};
use super::take_snapshot::SnapshotError;
use super::upload::put_own;
use super::verify::{self, Report, Request, Viewer};

pub use crate::domain::statement::Checked;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The plan.
    pub plan: PlanName,
    /// The first and last sent day; all, if there are none.
    pub days: Option<(Day, Day)>,
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
    /// Where the copies are.
    pub locations: Vec<String>,
    /// What is known of each cohort that was asked for.
    pub cohorts: Vec<CohortStanding>,
    /// What is known of each path; empty without a recovery key.
    pub paths: Vec<StatedPath>,
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
    /// There is no copy of the plan at all.
    #[error("no snapshot of {0} is stored: nothing can be said of it")]
    Nothing(PlanName),
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
    let mut named: BTreeMap<CohortId, Named> = BTreeMap::new();
    for copy in copies {
        let request = Request { plan: Some(asked.plan.clone()), read, known: Vec::new(), now: clock.now() };
        reports.push(Box::pin(verify::verify(copy.viewer.clone(), &request, progress)).await?);
        name_cohorts(&copy.viewer, (&asked.plan, clock.now()), &mut named).await?;
    }
    if named.is_empty() {
        return Err(StatementError::Nothing(asked.plan));
    }
    named.retain(|cohort, _| CohortStanding::is_asked(cohort, asked.days));
    let cohorts: Vec<CohortStanding> = named
        .into_iter()
        .map(|(cohort, named)| CohortStanding {
            cohort,
            since: named.since,
            size: named.size,
            copies: reports.iter().map(|report| state(report, &asked.plan, &cohort)).collect(),
            is_deleted: reports.iter().any(|report| is_deleted(report, &asked.plan, &cohort)),
        })
        .collect();
    let paths = match opened {
        Some(opened) => look_for(&asked, opened, &cohorts, clock.now()).await?,
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

/// What snapshots say of a cohort.
#[derive(Default)]
struct Named {
    since: Option<Instant>,
    newest: Option<Instant>,
    size: (u64, u64),
}

/// Reads from every snapshot of a plan which cohorts it names; one that cannot be read names none, and is a problem of the
/// check.
async fn name_cohorts(
    viewer: &Viewer,
    (plan, now): (&PlanName, Instant),
    named: &mut BTreeMap<CohortId, Named>,
) -> Result<(), RepositoryError> {
    let keys = SnapshotKeys::new(&viewer.trust, &viewer.catalog, now);
    let names = snapshots::list(&*viewer.vault, Some(plan)).await?.remove(plan).unwrap_or_default();
    for name in names {
        let Ok(snapshot) = snapshots::fetch(&*viewer.vault, &name, &keys).await else { continue };
        let taken = instant(&snapshot.taken_at);
        for cohort in &snapshot.cohorts {
            let Ok(id) = cohort.cohort.parse::<CohortId>() else { continue };
            let known = named.entry(id).or_default();
            known.since = match (known.since, taken) {
                (Some(since), Some(taken)) => Some(since.min(taken)),
                (since, taken) => since.or(taken),
            };
            if known.newest <= taken {
                (known.newest, known.size) = (taken, (cohort.files, cohort.bytes));
            }
        }
    }
    Ok(())
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

/// Looks for paths in the newest snapshot, and says in which cohorts they lie.
async fn look_for(
    asked: &Asked,
    opened: Arc<Opened>,
    cohorts: &[CohortStanding],
    now: Instant,
) -> Result<Vec<StatedPath>, StatementError> {
    let mut found = Vec::new();
    if asked.paths.is_empty() {
        return Ok(found);
    }
    let browser = Browser::open(opened, &Wanted::LatestOf(asked.plan.clone()), now).await?;
    let good: Vec<String> = cohorts
        .iter()
        .filter(|one| one.verdict() == Verdict::Recoverable)
        .map(|one| one.cohort.to_string())
        .collect();
    let known: Vec<String> = cohorts.iter().map(|one| one.cohort.to_string()).collect();
    for path in &asked.paths {
        let mut stated = StatedPath { files: 0, bytes: 0, recoverable: 0, unreadable: 0 };
        let mut listing = browser.list(std::slice::from_ref(path))?;
        while let Some(shown) = listing.next()? {
            if shown.entry.meta.kind == Kind::Directory || !known.contains(&shown.cohort) {
                continue;
            }
            stated.files = stated.files.saturating_add(1);
            stated.bytes = stated.bytes.saturating_add(shown.entry.data_bytes());
            stated.recoverable = stated.recoverable.saturating_add(u64::from(good.contains(&shown.cohort)));
        }
        stated.unreadable = u64::try_from(listing.lost.len()).unwrap_or(u64::MAX);
        found.push(stated);
    }
    Ok(found)
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
    let first = numbers.max().map_or(1, |number| number.saturating_add(1));
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
    let detail = format!(
        "statement {}: {} of {} can be given back, {}",
        record.number,
        statement.count(Verdict::Recoverable),
        statement.cohorts.len(),
        Sha256::of(&signed)
    );
    let tx = catalog.begin().await?;
    tx.commit(&[line(clock.now(), by, "statement", statement.asked.plan.as_str(), &detail)]).await?;
    Ok((record.number, signed))
}

fn shape(statement: &Statement, host: &Host, audit: Option<AuditPosition>) -> StatementRecord {
    let asked = &statement.asked;
    let cohorts = statement.cohorts.iter().map(|one| StatedCohort {
        cohort: one.cohort.to_string(),
        since: one.since.map(|since| since.to_string()),
        files: one.size.0,
        bytes: one.size.1,
        copies: one.copies.iter().map(|copy| copy.word().to_owned()).collect(),
        verdict: one.verdict().word().to_owned(),
    });
    StatementRecord {
        format: FORMAT,
        repository: host.trust.repository.repository.clone(),
        number: 0,
        plan: asked.plan.to_string(),
        days: asked.days.map(|(from, to)| (from.to_string(), to.to_string())),
        made_at: statement.made_at.to_string(),
        checked: asked.checked.word().to_owned(),
        copies: statement.locations.clone(),
        cohorts: cohorts.collect(),
        paths: statement.paths.clone(),
        other_problems: statement.other_problems,
        drill: statement.drill.map(|(number, _)| number),
        estimate_milliseconds: statement.estimate_ms,
        audit,
    }
}
