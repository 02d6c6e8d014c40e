//! Looks for the paths of a statement: in the snapshot that it speaks of, and for those of which it has no file in the ones
//! before it, newest first.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::sync::Arc;

use crate::archive::digest::Sha256;
use crate::archive::entry::Kind;
use crate::archive::records::{Snapshot, SnapshotCohort};
use crate::domain::cohort::CohortId;
use crate::domain::statement::{CohortStanding, PathStanding, Verdict};
use crate::domain::time::{Day, Instant};

use super::browse::Browser;
use super::choice::{ChoiceError, Wanted};
use super::past::{Past, Taken};
use super::repository::Opened;
use super::restore::RestoreError;
use super::snapshots::{self, SnapshotKeys};

/// The cohorts that were asked for, and whether each can be given back.
type Asked = BTreeMap<String, bool>;

/// Says of each path what was found, and in which snapshot. What an older snapshot lists just as a newer one does was looked
/// through already: every list of names is read once for each path, however many snapshots there are.
pub(super) async fn look_for(
    paths: &[OsString],
    opened: Arc<Opened>,
    (past, cohorts): (&Past, &[CohortStanding]),
    now: Instant,
) -> Result<Vec<PathStanding>, RestoreError> {
    let mut found = vec![PathStanding::default(); paths.len()];
    let good = |one: &CohortStanding| (one.cohort.to_string(), one.verdict() == Verdict::Recoverable);
    let cohorts: Asked = cohorts.iter().map(good).collect();
    let mut searched = BTreeSet::new();
    for (age, taken) in past.taken.iter().rev().enumerate() {
        let mut missing: Vec<_> =
            paths.iter().zip(&mut found).filter(|(_, standing)| standing.files == 0).collect();
        if missing.is_empty() {
            break;
        }
        let browser = match open(&opened, taken, (&cohorts, &mut searched), now).await {
            Ok(Some(browser)) => browser,
            Ok(None) => continue,
            // An older one that cannot be read may have what newer ones do not.
            Err(error) if age > 0 && is_of_object(&error) => {
                for (_, standing) in &mut missing {
                    standing.unreadable = standing.unreadable.saturating_add(1);
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        for (path, standing) in missing {
            count(&browser, path, (&cohorts, standing))?;
            if age > 0 && standing.files > 0 {
                standing.older = Some(taken.named());
            }
        }
    }
    Ok(found)
}

const fn is_of_object(error: &RestoreError) -> bool {
    match error {
        RestoreError::Repository(error) | RestoreError::Choice(ChoiceError::Repository(error)) => {
            error.is_of_object()
        }
        _ => false,
    }
}

/// Opens a snapshot with those cohorts that were asked for and not yet looked through as they are listed in it; none, if there
/// are none.
async fn open(
    opened: &Arc<Opened>,
    taken: &Taken,
    (cohorts, searched): (&Asked, &mut BTreeSet<Sha256>),
    now: Instant,
) -> Result<Option<Browser>, RestoreError> {
    let keys = SnapshotKeys::new(&opened.trust, &opened.secrets.catalog, now);
    let snapshot = snapshots::fetch(&*opened.vault, &taken.name, &keys).await?;
    let is_fresh = |cohort: &SnapshotCohort| {
        cohorts.contains_key(&cohort.cohort) && !searched.contains(&listing(&snapshot, cohort))
    };
    let fresh: Vec<SnapshotCohort> = snapshot.cohorts.iter().filter(|one| is_fresh(one)).cloned().collect();
    let days: Vec<Day> =
        fresh.iter().filter_map(|one| one.cohort.parse::<CohortId>().ok()).map(|id| id.clock_day()).collect();
    let Some(sent) = days.iter().min().copied().zip(days.iter().max().copied()) else { return Ok(None) };
    let wanted = Wanted::Prefix(taken.name.digest.to_string());
    let mut browser = Browser::open_days(opened.clone(), &wanted, Some(sent), now).await?;
    let is_wanted = |cohort: &SnapshotCohort| fresh.contains(cohort);
    browser.open.cohorts.retain(|(cohort, _)| is_wanted(cohort));
    browser.open.lost.retain(|(cohort, _)| is_wanted(cohort));
    searched.extend(fresh.iter().map(|cohort| listing(&snapshot, cohort)));
    Ok(Some(browser))
}

/// Stands for the names that a snapshot lists of a cohort.
fn listing(snapshot: &Snapshot, cohort: &SnapshotCohort) -> Sha256 {
    let mut text = format!("{} {}", snapshot.sources, cohort.cohort);
    for part in &cohort.parts {
        text.push_str(&format!(" {} {}", part.pack, part.frame_offset));
    }
    Sha256::of(text.as_bytes())
}

fn count(
    browser: &Browser,
    path: &OsString,
    (cohorts, standing): (&Asked, &mut PathStanding),
) -> Result<(), RestoreError> {
    let mut listing = browser.list(std::slice::from_ref(path))?;
    while let Some(shown) = listing.next()? {
        if shown.entry.meta.kind == Kind::Directory {
            continue;
        }
        let Some(is_good) = cohorts.get(&shown.cohort) else { continue };
        standing.files = standing.files.saturating_add(1);
        standing.bytes = standing.bytes.saturating_add(shown.entry.data_bytes());
        standing.recoverable = standing.recoverable.saturating_add(u64::from(*is_good));
    }
    let lost = u64::try_from(listing.lost.len()).unwrap_or(u64::MAX);
    standing.unreadable = standing.unreadable.saturating_add(lost);
    Ok(())
}
