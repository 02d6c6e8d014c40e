//! The proof of coverage: check what is stored without a key, decide how far each plan's promise is proved, record it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::archive::progress::Progress;
use crate::catalog::{Catalog, CatalogError, CoverageRow, SnapshotRow};
use crate::domain::clock_evidence::DIFFERENCE_SECONDS_MAX;
use crate::domain::cohort::CohortId;
use crate::domain::coverage::{CohortFacts, Coverage, Exception, PlanFacts, coverage};
use crate::domain::hold::Hold;
use crate::domain::locks::LockFacts;
use crate::domain::plan::Plan;
use crate::domain::reread::DAYS_MAX;
use crate::domain::retention::Retention;
use crate::domain::time::Instant;
use crate::vault::VaultError;

use super::holds::{self, HoldError};
use super::locks;
use super::replica::{self, Compared, Ends};
use super::repository::RepositoryError;
use super::sign_in::line;
use super::verify::{self, Known, Report, Request, Viewer};

/// Why nothing was proved.
#[derive(Debug, thiserror::Error)]
pub enum CoverageError {
    /// The store.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// What was proved.
#[derive(Debug)]
pub struct Proof {
    /// By plan.
    pub plans: BTreeMap<String, Coverage>,
    /// Plans that the store has snapshots of, and the home no file: nobody can say how long they are owed.
    pub unplanned: Vec<String>,
    /// Whether the store enforces locks.
    pub can_lock: bool,
    /// What the check found, object by object.
    pub report: Report,
}

impl Proof {
    /// Whether everything is as it was promised.
    pub fn is_whole(&self) -> bool {
        self.unplanned.is_empty() && self.plans.values().all(|one| one.exceptions.is_empty())
    }
}

/// Checks the store as the host can, decides for each of `plans`, and records it with a line in the audit log.
pub async fn prove(
    viewer: Arc<Viewer>,
    catalog: &Catalog,
    (plans, read): (&[Plan], Option<(u32, u32)>),
    clock: &dyn crate::clock::Clock,
    progress: &Arc<Progress>,
) -> Result<Proof, CoverageError> {
    let known = Known::of(catalog, None).await?;
    let can_lock = viewer.vault.can_lock();
    let checked = viewer.clone();
    let taken = known.snapshots.clone();
    let request = Request { plan: None, read, known, now: clock.now() };
    let mut report = verify::verify(viewer, &request, progress).await?;
    let now = clock.now();
    report.second = compare_second(&checked, now).await?;
    let mut proof = Proof { plans: BTreeMap::new(), unplanned: Vec::new(), can_lock, report };
    let of_evidence = evidence_locks(&checked, read, now).await?;
    let newest = catalog.audit_newest(1).await?;
    let is_ahead = |at: Instant| at.as_seconds().saturating_sub(now.as_seconds()) > DIFFERENCE_SECONDS_MAX;
    let is_behind = newest.first().is_some_and(|line| is_ahead(line.entry.at));
    for plan in plans {
        let head = catalog.head(plan.name().as_str()).await?;
        // A line of the log may be written by the wrong clock already; the newest snapshot is of another day.
        let is_behind = is_behind || head.as_ref().is_some_and(|head| is_ahead(head.taken_at));
        let (holds, is_gap) = holds_of(&checked, catalog, plan).await?;
        let (cohorts, mut other_problems) = facts(&proof.report, plan, &holds, now);
        other_problems = other_problems.saturating_add(u64::from(is_gap));
        let locks = plan_locks(&checked, (plan, &taken), read, now).await?.and(of_evidence);
        let facts = PlanFacts {
            plan,
            newest: head.map(|head| (head.taken_at, head.is_complete)),
            cohorts: &cohorts,
            other_problems,
            copies: copies(&proof.report, plan),
            locks,
        };
        let mut found = coverage(&facts, now);
        if is_behind {
            found.exceptions.insert(0, Exception::ClockBehind);
        }
        proof.plans.insert(plan.name().to_string(), found);
    }
    let stored = proof.report.seen.iter().map(|seen| seen.plan.to_string());
    proof.unplanned = stored.filter(|plan| !proof.plans.contains_key(plan)).collect();
    proof.unplanned.dedup();
    record(catalog, (&proof, read), now).await?;
    Ok(proof)
}

/// The locks of a plan in both stores.
async fn plan_locks(
    viewer: &Viewer,
    plan: (&Plan, &[SnapshotRow]),
    read: locks::Part,
    now: Instant,
) -> Result<LockFacts, RepositoryError> {
    let facts = locks::look(&*viewer.vault, plan, read, now).await?;
    let Some(second) = &viewer.second else { return Ok(facts) };
    Ok(facts.and(of_second(locks::look(&**second, plan, read, now).await)))
}

/// The locks of evidence in both stores.
async fn evidence_locks(
    viewer: &Viewer,
    read: locks::Part,
    now: Instant,
) -> Result<LockFacts, RepositoryError> {
    let Some(kept_for) = viewer.evidence else { return Ok(LockFacts::default()) };
    let facts = locks::look_at_evidence((&*viewer.vault, viewer), kept_for, read, now).await?;
    let Some(second) = &viewer.second else { return Ok(facts) };
    let looked = locks::look_at_evidence((&**second, viewer), kept_for, read, now).await;
    Ok(facts.and(of_second(looked)))
}

/// A second store that cannot be read is told of by its missing copies.
fn of_second(looked: Result<LockFacts, VaultError>) -> LockFacts {
    looked.unwrap_or_else(|error| {
        tracing::error!(%error, "the locks of the second store cannot be read");
        LockFacts::default()
    })
}

/// How the second store differs; if it cannot be read, it is as if there were none.
pub async fn compare_second(viewer: &Viewer, now: Instant) -> Result<Option<Compared>, RepositoryError> {
    let Some(second) = &viewer.second else { return Ok(None) };
    // Only whether something is owed is asked here, not how long evidence is kept.
    let who = (&viewer.trust, &viewer.catalog);
    let ends = match Ends::of((&*viewer.vault, &**second), who, Retention::Years(1), now).await {
        Ok(ends) => ends,
        Err(error) => {
            tracing::error!(%error, "the second store cannot be read");
            return Ok(None);
        }
    };
    match replica::compare(&*viewer.vault, &**second, &ends).await {
        Ok(compared) => Ok(Some(compared)),
        Err(error) => {
            tracing::error!(%error, "the second store cannot be read");
            Ok(None)
        }
    }
}

/// The store that was checked, and the second one if it has everything of the plan.
fn copies(report: &Report, plan: &Plan) -> u8 {
    1 + u8::from(report.second.as_ref().is_some_and(|second| second.is_whole(plan.name().as_str())))
}

/// The holds of a plan, and whether some are missing or altered.
async fn holds_of(
    viewer: &Viewer,
    catalog: &Catalog,
    plan: &Plan,
) -> Result<(Vec<Hold>, bool), CoverageError> {
    let noted = catalog.noted_holds(plan.name().as_str()).await?;
    match holds::load(&*viewer.vault, &viewer.trust, &viewer.catalog, plan.name(), &noted).await {
        Ok(holds) => Ok((holds.into_iter().map(|shown| shown.hold).collect(), false)),
        Err(HoldError::Repository(error)) if !error.is_of_object() => Err(error.into()),
        Err(reason) => {
            tracing::error!(plan = %plan.name(), %reason, "holds are missing or altered");
            Ok((Vec::new(), true))
        }
    }
}

/// What the check found of a plan: its cohorts, and how much else of it is wrong.
fn facts(report: &Report, plan: &Plan, holds: &[Hold], now: Instant) -> (Vec<CohortFacts>, u64) {
    let mine = format!("{}/", plan.name());
    let problems = |prefix: &str| {
        let found = report.problems.iter().filter(|problem| problem.object.starts_with(prefix));
        u64::try_from(found.count()).unwrap_or(u64::MAX)
    };
    // What the first store deleted in its time may not be in the second one either.
    let left = |cohort: &CohortId| {
        let prefix = format!("{mine}{cohort}/");
        let past = report.second.iter().flat_map(|second| &second.past);
        u64::try_from(past.filter(|key| key.starts_with(&prefix)).count()).unwrap_or(u64::MAX)
    };
    let cohorts = report.seen.iter().filter(|seen| seen.plan == *plan.name()).map(|seen| CohortFacts {
        cohort: seen.cohort,
        packs: seen.packs.saturating_add(if seen.is_deleted { left(&seen.cohort) } else { 0 }),
        bytes: seen.bytes,
        problems: problems(&format!("{mine}{}/", seen.cohort)),
        is_deleted: seen.is_deleted,
        is_held: holds.iter().any(|hold| hold.keeps(&seen.cohort, plan.zone(), now)),
    });
    let cohorts: Vec<CohortFacts> = cohorts.collect();
    let in_cohorts: u64 = cohorts.iter().map(|one| one.problems).sum();
    let shared = ["kura/", "keys/", "certificates/"].map(problems).into_iter().fold(0, u64::saturating_add);
    (cohorts, problems(&mine).saturating_sub(in_cohorts).saturating_add(shared))
}

async fn record(
    catalog: &Catalog,
    (proof, read): (&Proof, Option<(u32, u32)>),
    now: Instant,
) -> Result<(), CatalogError> {
    if proof.plans.is_empty() {
        return Ok(());
    }
    let mut tx = catalog.begin().await?;
    if let Some((part, parts)) = read.filter(|(_, parts)| *parts <= DAYS_MAX) {
        let found = (proof.report.read_packs, proof.report.read_bytes);
        tx.note_reread((part, parts), found, now).await?;
    }
    let mut lines = Vec::new();
    for (plan, found) in &proof.plans {
        let mut exceptions: Vec<String> =
            found.exceptions.iter().map(|exception| exception.code().to_owned()).collect();
        exceptions.dedup();
        let detail = format!("{} of {} whole {}", found.whole, found.alive, exceptions.join(" "));
        lines.push(line(now, "kura", "coverage", plan, detail.trim_end()));
        let (alive, whole, packs, bytes) = (found.alive, found.whole, found.packs, found.bytes);
        let row = CoverageRow { plan: plan.clone(), checked_at: now, alive, whole, packs, bytes, exceptions };
        tx.add_coverage(&row).await?;
    }
    tx.commit(&lines).await
}
