//! Signing the snapshot and making it count: store, catalog, cache, journal, in this order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use bytes::Bytes;

use crate::archive::compress;
use crate::archive::digest::Sha256;
use crate::archive::envelope::payload_type;
use crate::archive::layout;
use crate::archive::outlet::{SessionError, SessionOutcome};
use crate::archive::records::{Completeness, FORMAT, Snapshot, SnapshotCohort};
use crate::archive::report::{Remark, RunReport};
use crate::archive::stat_cache;
use crate::catalog::{PackRow, RunEnd, RunStart, RunState, SnapshotRow};
use crate::clock;
use crate::domain::cohort::CohortId;
use crate::domain::plan::Class;
use crate::domain::sudden_change::ChangeFacts;
use crate::domain::time::{Day, Instant};
use crate::vault::Lock;
use crate::workflows::upload::put_and_compare;

use super::changes::{self, Changes};
use super::errors::SnapshotError;
use super::gather::Gathered;
use super::{Run, Stored, Summary};

/// Notes that a run begins; gives its id.
pub(super) async fn begin(run: &Run<'_>) -> Result<String, SnapshotError> {
    let mut id = [0_u8; 16];
    clock::random_bytes(&mut id);
    let id = hex::encode(id);
    let start = RunStart {
        run: id.clone(),
        plan: run.plan().name().to_string(),
        event: run.request.event.clone(),
        started_at: run.now,
        reason: run.request.reason.clone(),
    };
    run.catalog.begin_run(&start).await?;
    Ok(id)
}

/// Notes how a run ended.
pub(super) async fn end(
    run: &Run<'_>,
    id: &str,
    outcome: Result<&Summary, &SnapshotError>,
    ended_at: Instant,
) -> Result<(), SnapshotError> {
    let mut end = RunEnd {
        state: RunState::Failed,
        ended_at,
        snapshot: None,
        files: 0,
        bytes: 0,
        new_bytes_stored: 0,
        skipped: 0,
    };
    match outcome {
        Ok(summary) => {
            end.state = if summary.is_complete { RunState::Verified } else { RunState::Partial };
            end.snapshot = Some(summary.snapshot);
            (end.files, end.bytes) = (summary.files, summary.bytes);
            (end.new_bytes_stored, end.skipped) = (summary.new_bytes_stored, summary.skipped);
        }
        Err(SnapshotError::Refused(_)) => end.state = RunState::Refused,
        Err(_) => {}
    }
    Ok(run.catalog.end_run(id, &end).await?)
}

/// Commits what was stored.
pub(super) async fn commit(
    run: &Run<'_>,
    gathered: &Gathered,
    stored: Stored,
    report: &RunReport,
) -> Result<Summary, SnapshotError> {
    let host = run.host;
    host.vault.flush().await?;
    let snapshot = snapshot(run, gathered, &stored, report);
    let (bytes, digest) = listed(run, gathered, &snapshot)?;
    let local = |source| SnapshotError::local(&run.host.home, "the stat cache", source);
    let changes = changes::of_run(run, gathered, &snapshot, stored.churn);
    write_cache(run, gathered, stored.news, (digest, changes.clone())).map_err(local)?;
    let key = layout::snapshot(run.plan().name(), snapshot.sequence, &digest);
    let mode = run.plan().lock_mode();
    let lock = newest_end(run, &snapshot).map(|until| Lock { until, mode });
    put_and_compare(&*host.vault, &key, &bytes, lock).await?;
    host.vault.flush().await?;
    let new_bytes_stored = stored.sent_bytes + crate::archive::wire::to_u64(bytes.len());
    for day in &gathered.damaged {
        let cohort = run.plan().cohort_of(Day::from_number(*day)).to_string();
        run.catalog.remove_cohort(run.plan().name().as_str(), &cohort).await?;
    }
    record(run, &snapshot, digest, &stored.outcomes, new_bytes_stored).await?;
    changes::tell(run, &changes).await?;
    run.state.adopt_next().map_err(local)?;
    run.state.indexes.retain(&snapshot.cohorts.iter().flat_map(|cohort| cohort.indexes.clone()).collect());
    run.state.note_repairs(&BTreeSet::new()).map_err(local)?;
    let mut journal = run.state.journal.lock().unwrap_or_else(PoisonError::into_inner);
    journal.clear().map_err(|source| SnapshotError::local(&run.host.home, "the journal", source))?;
    let summary = summary(run, gathered, &snapshot, digest, (report, new_bytes_stored, &stored.outcomes));
    Ok(Summary { changes: changes.facts(), sudden: changes.sudden_words(), ..summary })
}

fn snapshot(run: &Run<'_>, gathered: &Gathered, stored: &Stored, report: &RunReport) -> Snapshot {
    let cohorts = cohorts(run, gathered, stored);
    let skipped = report.count(Remark::Skipped);
    let parent = gathered.parent.as_ref();
    Snapshot {
        format: FORMAT,
        repository: run.host.trust.repository.repository.clone(),
        plan: run.plan().name().to_string(),
        class: run.plan().class().word().to_owned(),
        sequence: parent.map_or(0, |(name, _)| name.sequence) + 1,
        parent: parent.map(|(name, _)| name.digest),
        taken_at: exact(run.now),
        day: run.today().to_string(),
        event: run.request.event.clone(),
        completeness: if skipped == 0 { Completeness::Complete } else { Completeness::Partial },
        sources: u32::try_from(run.plan().sources().len()).unwrap_or(u32::MAX),
        files: cohorts.iter().map(|cohort| cohort.files).sum(),
        bytes: cohorts.iter().map(|cohort| cohort.bytes).sum(),
        base: None,
        gone: Vec::new(),
        cohorts,
        directories: stored.extras.directories.clone(),
        report: stored.extras.report.clone(),
        skipped,
        erasures: gathered.erasures,
    }
}

/// RFC 3339 with microseconds, so that the order of snapshots taken within one second is kept.
fn exact(at: Instant) -> String {
    jiff::Timestamp::from_microsecond(at.as_micros()).map_or_else(|_| at.to_string(), |at| at.to_string())
}

/// The cohorts of the new snapshot: those carried over by reference, those that got something, the run-day's.
fn cohorts(run: &Run<'_>, gathered: &Gathered, stored: &Stored) -> Vec<SnapshotCohort> {
    let plan = run.plan();
    let mut cohorts: BTreeMap<i32, SnapshotCohort> = BTreeMap::new();
    for (day, carried) in &gathered.carried {
        if !gathered.damaged.contains(day) {
            cohorts.insert(*day, SnapshotCohort { files: 0, bytes: 0, ..carried.clone() });
        }
    }
    for outcome in &stored.outcomes {
        let day = outcome.cohort.clock_day().number();
        let Some(key) = stored.keys.by_day.get(&day) else { continue };
        let cohort = cohorts.entry(day).or_insert_with(|| SnapshotCohort {
            cohort: outcome.cohort.to_string(),
            key: key.digest,
            key_number: key.number,
            parts: Vec::new(),
            indexes: gathered
                .cohorts
                .get(&day)
                .filter(|_| !key.is_new && !gathered.damaged.contains(&day))
                .map_or_else(Vec::new, |c| c.indexes.clone()),
            files: 0,
            bytes: 0,
            delete_from: outcome.cohort.delete_from(plan.retention(), plan.zone()).to_string(),
        });
        cohort.parts.extend(outcome.part.clone());
        cohort.indexes.extend(&outcome.indexes);
        cohort.files += outcome.files;
        cohort.bytes += outcome.bytes;
    }
    for (day, tally) in &stored.tallies {
        if let Some(cohort) = cohorts.get_mut(day) {
            cohort.files += tally.files;
            cohort.bytes += tally.bytes;
        }
    }
    cohorts.into_values().collect()
}

/// A snapshot as it is stored: with what differs from a base, as long as that takes less than listing every cohort.
fn listed(run: &Run<'_>, gathered: &Gathered, snapshot: &Snapshot) -> Result<(Bytes, Sha256), SnapshotError> {
    if let Some(base) = &gathered.base {
        let (bytes, digest) = sealed(run, &snapshot.beside(&base.snapshot, base.named.clone()))?;
        if !base.cost.is_whole_due(crate::archive::wire::to_u64(bytes.len())) {
            return Ok((bytes, digest));
        }
    }
    sealed(run, snapshot)
}

/// Signs, compresses and seals a snapshot.
fn sealed(run: &Run<'_>, snapshot: &Snapshot) -> Result<(Bytes, Sha256), SnapshotError> {
    let session = |e| SnapshotError::Session(SessionError::Compress(e));
    let payload = serde_json::to_vec(snapshot)
        .map_err(|e| SnapshotError::local(&run.host.home, "the snapshot record", e.into()))?;
    let signed = run.host.signing.sign(payload_type::SNAPSHOT, &payload);
    let compressed = compress::compress(&signed).map_err(session)?;
    let bytes = run.host.seal(&compressed).map_err(SnapshotError::Seal)?;
    let digest = Sha256::of(&bytes);
    Ok((bytes, digest))
}

/// Writes the next cache, or keeps the current one if nothing was learned, and notes which snapshot it belongs to.
fn write_cache(
    run: &Run<'_>,
    gathered: &Gathered,
    news: crate::archive::sorter::Sorter,
    (digest, changes): (Sha256, Changes),
) -> std::io::Result<()> {
    let current = gathered.cache_file();
    let next = match current {
        Some(current) if news.is_empty() => current.to_owned(),
        Some(_) | None => {
            let next = run.state.next_cache(run.now);
            let plan = run.plan();
            let keep = |known: &stat_cache::Known| {
                let cohort = plan.cohort_of(Day::from_number(known.day));
                match plan.class() {
                    Class::Application => {
                        !known.is_gone || run.now < cohort.delete_from(plan.retention(), plan.zone())
                    }
                    Class::System => cohort == plan.cohort_of(run.today()),
                }
            };
            stat_cache::merge(gathered.open_cache()?, news.finish()?, keep, &next)?;
            next
        }
    };
    run.state.note_next(digest, &next, changes)
}

/// A snapshot is locked as long as the newest of its cohorts.
fn newest_end(run: &Run<'_>, snapshot: &Snapshot) -> Option<Instant> {
    let plan = run.plan();
    let ends = snapshot.cohorts.iter().filter_map(|cohort| cohort.cohort.parse::<CohortId>().ok());
    let today = plan.cohort_of(run.today());
    ends.chain([today]).map(|cohort| cohort.delete_from(plan.retention(), plan.zone())).max()
}

async fn record(
    run: &Run<'_>,
    snapshot: &Snapshot,
    digest: Sha256,
    outcomes: &[SessionOutcome],
    new_bytes_stored: u64,
) -> Result<(), SnapshotError> {
    let row = SnapshotRow {
        plan: snapshot.plan.clone(),
        sequence: snapshot.sequence,
        digest,
        parent: snapshot.parent,
        taken_at: run.now,
        day: run.today(),
        event: snapshot.event.clone(),
        is_complete: snapshot.completeness == Completeness::Complete,
        files: snapshot.files,
        bytes: snapshot.bytes,
        new_bytes_stored,
        skipped: snapshot.skipped,
        cohorts: crate::archive::wire::to_u64(snapshot.cohorts.len()),
    };
    let packs: Vec<PackRow> = outcomes
        .iter()
        .flat_map(|outcome| outcome.packs.iter().map(move |(name, facts)| (outcome, name, facts)))
        .map(|(outcome, name, facts)| PackRow {
            plan: snapshot.plan.clone(),
            cohort: outcome.cohort.to_string(),
            name: *name,
            size_bytes: facts.size_bytes,
            files: facts.files,
        })
        .collect();
    Ok(run.catalog.record_snapshot(&row, &packs).await?)
}

fn summary(
    run: &Run<'_>,
    gathered: &Gathered,
    snapshot: &Snapshot,
    digest: Sha256,
    (report, new_bytes_stored, outcomes): (&RunReport, u64, &[SessionOutcome]),
) -> Summary {
    const REMARKS: [(Remark, &str); 7] = [
        (Remark::Skipped, "skipped"),
        (Remark::ChangedWhileRead, "changed-while-read"),
        (Remark::PastRetention, "past-retention"),
        (Remark::TooCloseToDeletion, "too-close-to-deletion"),
        (Remark::FutureDay, "future-day"),
        (Remark::AbsurdDay, "absurd-day"),
        (Remark::NoDayInPath, "no-day-in-path"),
    ];
    let remarks = REMARKS.iter().map(|(remark, name)| (*name, report.count(*remark))).filter(|(_, n)| *n > 0);
    let is_adopted = |name: &Sha256| gathered.journalled.iter().any(|pack| pack.name == *name);
    let adopted = outcomes.iter().flat_map(|o| &o.packs).filter(|(name, _)| is_adopted(name)).count();
    let plan = run.plan();
    Summary {
        snapshot: digest,
        sequence: snapshot.sequence,
        is_complete: snapshot.completeness == Completeness::Complete,
        files: snapshot.files,
        bytes: snapshot.bytes,
        new_bytes_stored,
        remarks: remarks.collect(),
        skipped: snapshot.skipped,
        report: (!report.is_empty()).then(|| report.path().to_owned()),
        adopted_packs: crate::archive::wire::to_u64(adopted),
        repaired_cohorts: gathered
            .damaged
            .iter()
            .map(|day| plan.cohort_of(Day::from_number(*day)).to_string())
            .collect(),
        changes: ChangeFacts::default(),
        sudden: None,
    }
}
