//! What the snapshots of a plan, up to one of them, say of its cohorts: which content a statement speaks of, and since when it
//! stood so. After an attack or a wrong deletion that is not the newest snapshot.

use std::collections::BTreeMap;

use crate::archive::records::{Snapshot, SnapshotCohort};
use crate::domain::cohort::CohortId;
use crate::domain::plan::PlanName;
use crate::domain::statement::NamedSnapshot;
use crate::domain::time::Instant;

use super::choice::{ChoiceError, Wanted, one};
use super::evidence::instant;
use super::repository::RepositoryError;
use super::snapshots::{self, SnapshotKeys, SnapshotName};
use super::verify::Viewer;

/// Which snapshot is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// The newest that was taken before this time.
    Before(Instant),
    /// The same; the newest of all, if none was taken before it.
    BeforeIfAny(Instant),
    /// One that is named as for a restore.
    Snapshot(Wanted),
}

impl AsOf {
    /// The newest of all.
    pub const NEWEST: Self = Self::Snapshot(Wanted::Latest);
}

/// A snapshot that was read.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Its name.
    pub name: SnapshotName,
    /// When it was taken.
    pub at: Instant,
    day: String,
}

impl Taken {
    const fn place(&self) -> (u64, Instant) {
        (self.name.sequence, self.at)
    }

    /// As a statement names it.
    pub fn named(&self) -> NamedSnapshot {
        let digest = self.name.digest.to_string();
        NamedSnapshot { sequence: self.name.sequence, digest, taken_at: self.at }
    }
}

/// A cohort as the last snapshot that names it, with files if there ever were any, lists it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// How it is listed.
    pub cohort: SnapshotCohort,
    /// When the oldest snapshot was taken from which on it was listed just so.
    pub since: Instant,
    /// That snapshot.
    pub last: Taken,
}

/// The snapshots of a plan up to the one that is meant.
#[derive(Debug)]
pub struct Past {
    /// Ascending; the last one is meant.
    pub taken: Vec<Taken>,
    /// What they say of each cohort.
    pub cohorts: BTreeMap<CohortId, Listed>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// There is no snapshot at all.
    #[error("no snapshot of {0} is stored: nothing can be said of it")]
    Nothing(PlanName),
    /// None is old enough.
    #[error("no snapshot of {0} was taken before {1}; `kura snapshots` lists them")]
    NoneBefore(PlanName, Instant),
    /// None fits.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// The store, or the snapshot that is meant.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl Past {
    /// Reads the snapshots in all copies. One that cannot be read in any of them says nothing, and is a problem of the check.
    pub async fn read(
        viewers: &[&Viewer],
        (plan, as_of): (&PlanName, &AsOf),
        now: Instant,
    ) -> Result<Self, PastError> {
        let mut names: BTreeMap<SnapshotName, Vec<usize>> = BTreeMap::new();
        for (at, viewer) in viewers.iter().enumerate() {
            let listed = snapshots::list(&*viewer.vault, Some(plan)).await?.remove(plan);
            for name in listed.unwrap_or_default() {
                names.entry(name).or_default().push(at);
            }
        }
        if names.is_empty() {
            return Err(PastError::Nothing(plan.clone()));
        }
        let meant = Meant::of(as_of, plan, names.keys())?;
        let keys: Vec<SnapshotKeys<'_>> =
            viewers.iter().map(|viewer| SnapshotKeys::new(&viewer.trust, &viewer.catalog, now)).collect();
        let mut past = Self { taken: Vec::new(), cohorts: BTreeMap::new() };
        let mut later = Self { taken: Vec::new(), cohorts: BTreeMap::new() };
        for (name, holders) in names {
            if meant.is_after(&name) {
                continue;
            }
            let copies = holders.iter().filter_map(|at| viewers.get(*at).zip(keys.get(*at)));
            let Some((taken, snapshot)) = first(&name, copies, meant.is(&name)).await? else { continue };
            let into = if meant.counts(&taken) { &mut past } else { &mut later };
            into.add(taken, snapshot);
        }
        if past.taken.is_empty() && matches!(as_of, AsOf::BeforeIfAny(_)) {
            past = later;
        }
        past.taken.sort_by_key(Taken::place);
        match (past.taken.last(), as_of) {
            (None, AsOf::Before(time) | AsOf::BeforeIfAny(time)) => {
                Err(PastError::NoneBefore(plan.clone(), *time))
            }
            (None, AsOf::Snapshot(Wanted::Latest | Wanted::LatestOf(_))) => {
                Err(PastError::Nothing(plan.clone()))
            }
            (None, AsOf::Snapshot(Wanted::Prefix(text) | Wanted::Day(text))) => {
                Err(ChoiceError::NoSuch(text.clone()).into())
            }
            (Some(last), AsOf::Snapshot(Wanted::Day(day))) if last.day != *day => {
                Err(ChoiceError::NoSuch(day.clone()).into())
            }
            (Some(_), _) => Ok(past),
        }
    }

    /// The one that is meant.
    pub fn meant(&self) -> Option<NamedSnapshot> {
        self.taken.last().map(Taken::named)
    }

    fn add(&mut self, taken: Taken, snapshot: Snapshot) {
        for cohort in snapshot.cohorts {
            let Ok(id) = cohort.cohort.parse::<CohortId>() else { continue };
            match self.cohorts.get_mut(&id) {
                Some(listed) if listed.last.place() > taken.place() => {}
                // Only folders are left of that day: what it had is spoken of as the older snapshot has it.
                Some(listed) if cohort.files == 0 && listed.cohort.files > 0 => {}
                Some(listed) => {
                    let since = if listed.cohort.parts == cohort.parts { listed.since } else { taken.at };
                    *listed = Listed { cohort, since, last: taken.clone() };
                }
                None => {
                    let listed = Listed { cohort, since: taken.at, last: taken.clone() };
                    self.cohorts.insert(id, listed);
                }
            }
        }
        self.taken.push(taken);
    }
}

/// Which snapshots count.
enum Meant<'a> {
    All,
    Before(Instant),
    Day(&'a str),
    One(SnapshotName),
}

impl<'a> Meant<'a> {
    fn of<'n>(
        as_of: &'a AsOf,
        plan: &PlanName,
        names: impl Iterator<Item = &'n SnapshotName>,
    ) -> Result<Self, ChoiceError> {
        match as_of {
            AsOf::Before(time) | AsOf::BeforeIfAny(time) => Ok(Self::Before(*time)),
            AsOf::Snapshot(Wanted::Latest) => Ok(Self::All),
            AsOf::Snapshot(Wanted::LatestOf(other)) if other == plan => Ok(Self::All),
            AsOf::Snapshot(Wanted::LatestOf(other)) => Err(ChoiceError::NoSuch(format!("latest:{other}"))),
            AsOf::Snapshot(Wanted::Day(day)) => Ok(Self::Day(day)),
            AsOf::Snapshot(Wanted::Prefix(prefix)) => {
                let fits = names.filter(|name| name.digest.to_string().starts_with(prefix));
                one(prefix, fits.cloned().collect()).map(Self::One)
            }
        }
    }

    fn is(&self, name: &SnapshotName) -> bool {
        matches!(self, Self::One(one) if one == name)
    }

    /// Whether its name alone says that it comes after what is meant.
    fn is_after(&self, name: &SnapshotName) -> bool {
        matches!(self, Self::One(one) if name.sequence >= one.sequence && name != one)
    }

    fn counts(&self, taken: &Taken) -> bool {
        match self {
            Self::All | Self::One(_) => true,
            Self::Before(time) => taken.at < *time,
            Self::Day(day) => taken.day.as_str() <= *day,
        }
    }
}

/// Reads a snapshot from the first copy in which it opens. The one that is meant must.
async fn first<'v>(
    name: &SnapshotName,
    copies: impl Iterator<Item = (&'v &'v Viewer, &'v SnapshotKeys<'v>)>,
    must: bool,
) -> Result<Option<(Taken, Snapshot)>, RepositoryError> {
    let mut refused = None;
    for (viewer, keys) in copies {
        match snapshots::fetch(&*viewer.vault, name, keys).await {
            Ok(snapshot) => {
                let Some(at) = instant(&snapshot.taken_at) else { continue };
                let taken = Taken { name: name.clone(), at, day: snapshot.day.clone() };
                return Ok(Some((taken, snapshot)));
            }
            Err(error) => refused = Some(error),
        }
    }
    refused.filter(|_| must).map_or(Ok(None), Err)
}
