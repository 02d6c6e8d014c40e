//! Which snapshot a person means: `latest`, `latest:PLAN`, a date or an id.

use std::collections::BTreeMap;

use crate::archive::records::Snapshot;
use crate::domain::plan::PlanName;
use crate::vault::Vault;

use super::chain::{BrokenChain, Chain};
use super::own;
use super::repository::RepositoryError;
use super::snapshots::{SnapshotKeys, SnapshotName, fetch, list, open};

/// What a person may write for a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The newest of the only plan.
    Latest,
    /// The newest of a plan.
    LatestOf(PlanName),
    /// The last of a civil day (`YYYY-MM-DD`).
    Day(String),
    /// The one whose id starts so.
    Prefix(String),
}

impl Wanted {
    /// Reads `latest`, `latest:PLAN`, a date or an id prefix.
    pub fn parse(text: &str) -> Result<Self, ChoiceError> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        if let Some(plan) = text.strip_prefix("latest:") {
            return plan.parse().map(Self::LatestOf).map_err(|_| ChoiceError::Unreadable(text.to_owned()));
        }
        if text.parse::<crate::domain::time::Day>().is_ok() {
            return Ok(Self::Day(text.to_owned()));
        }
        let is_hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if is_hex && (4..=64).contains(&text.len()) {
            return Ok(Self::Prefix(text.to_owned()));
        }
        Err(ChoiceError::Unreadable(text.to_owned()))
    }
}

/// Why no snapshot could be chosen.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// The text is none of the forms.
    #[error(
        "{0:?} is not a snapshot: write an id (at least 4 digits), `latest`, `latest:PLAN` or a date YYYY-MM-DD"
    )]
    Unreadable(String),
    /// The store has none.
    #[error("there is no snapshot yet")]
    None,
    /// None fits.
    #[error("no snapshot fits {0:?}; `kura snapshots` lists them")]
    NoSuch(String),
    /// Several fit.
    #[error("{what} fits several: {candidates}. Write more digits, or `latest:PLAN`")]
    Several {
        /// What was asked for.
        what: String,
        /// Some of those that fit.
        candidates: String,
    },
    /// Snapshots are missing from the chain.
    #[error(transparent)]
    Chain(#[from] BrokenChain),
    /// The newest one was altered, or somebody put something in its place.
    #[error(
        "the newest snapshot, {key}, is not to be trusted: it was altered, or a stranger put it there; {instead}"
    )]
    Newest {
        /// The object.
        key: String,
        /// What can be done.
        instead: String,
        /// What is wrong with it.
        #[source]
        source: RepositoryError,
    },
    /// A record was refused.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Chooses a snapshot.
///
/// One that is chosen as the newest, or by its day, must stand in a whole chain. One that is named by its id is taken
/// as it is, since its signature speaks for it: so a person can restore from a store in which something is missing.
pub async fn choose(
    vault: &dyn Vault,
    wanted: &Wanted,
    keys: &SnapshotKeys<'_>,
) -> Result<(SnapshotName, Snapshot), ChoiceError> {
    let plan = if let Wanted::LatestOf(plan) = wanted { Some(plan) } else { None };
    let mut all = list(vault, plan).await?;
    // Kura's own records are meant only if they are named: who has one plan beside them may say `latest` or a day.
    if !matches!(wanted, Wanted::LatestOf(_) | Wanted::Prefix(_))
        && all.keys().any(|plan| plan.as_str() != own::PLAN)
    {
        all.retain(|plan, _| plan.as_str() != own::PLAN);
    }
    if all.is_empty() {
        return Err(ChoiceError::None);
    }
    match wanted {
        Wanted::Latest | Wanted::LatestOf(_) => {
            let mut plans = all.keys();
            let (Some(plan), None) = (plans.next(), plans.next()) else {
                let candidates: Vec<String> = all.keys().map(ToString::to_string).collect();
                let what = "`latest`, of plans".to_owned();
                return Err(ChoiceError::Several { what, candidates: candidates.join(", ") });
            };
            newest(vault, settled(vault, plan, &all, keys).await?, keys).await
        }
        Wanted::Prefix(prefix) => {
            let hits = all.values().flatten().filter(|name| name.digest.to_string().starts_with(prefix));
            let name = one(prefix, hits.cloned().collect())?;
            let snapshot = fetch(vault, &name, keys).await?;
            Ok((name, snapshot))
        }
        Wanted::Day(day) => {
            let mut hits = Vec::new();
            let mut chains = BTreeMap::new();
            for plan in all.keys() {
                let chain = settled(vault, plan, &all, keys).await?;
                hits.extend(last_of_day(vault, &chain.names, day, keys).await?);
                chains.insert(plan, chain);
            }
            let name = one(day, hits)?;
            let snapshot = fetch(vault, &name, keys).await?;
            if let Some(chain) = chains.get(&name.plan) {
                chain.check_sequence(&name.plan)?;
                chain.check_parent(&name, snapshot.parent.as_ref())?;
            }
            Ok((name, snapshot))
        }
    }
}

async fn settled(
    vault: &dyn Vault,
    plan: &PlanName,
    all: &BTreeMap<PlanName, Vec<SnapshotName>>,
    keys: &SnapshotKeys<'_>,
) -> Result<Chain, RepositoryError> {
    let names = all.get(plan).map_or(&[][..], Vec::as_slice);
    let chain = Chain::settle(vault, names, keys).await?;
    chain.tell_aside();
    Ok(chain)
}

/// The newest of a chain. It must open: an older one is never taken in its place unasked.
async fn newest(
    vault: &dyn Vault,
    mut chain: Chain,
    keys: &SnapshotKeys<'_>,
) -> Result<(SnapshotName, Snapshot), ChoiceError> {
    let Some(name) = chain.names.last().cloned() else { return Err(ChoiceError::None) };
    match chain.newest_intact(vault, keys).await? {
        Some((found, snapshot)) if found == name => {
            chain.check_sequence(&name.plan)?;
            chain.check_parent(&name, snapshot.parent.as_ref())?;
            Ok((name, snapshot))
        }
        intact => {
            let instead = match intact {
                Some((intact, snapshot)) => format!(
                    "the newest that is intact is {} (number {}, {}); name it by this id to use it",
                    intact.short(),
                    intact.sequence,
                    snapshot.day
                ),
                None => "no snapshot of the plan is intact".to_owned(),
            };
            let source = chain.aside.into_iter().find(|aside| aside.name == name).map(|aside| aside.reason);
            let key = name.key();
            let source = source.unwrap_or_else(|| RepositoryError::wrong(&key, "it does not open"));
            Err(ChoiceError::Newest { key, instead, source })
        }
    }
}

/// The only one that fits.
pub(super) fn one(what: &str, mut hits: Vec<SnapshotName>) -> Result<SnapshotName, ChoiceError> {
    match (hits.pop(), hits.is_empty()) {
        (None, _) => Err(ChoiceError::NoSuch(what.to_owned())),
        (Some(name), true) => Ok(name),
        (Some(name), false) => {
            let named = hits.iter().chain([&name]).take(5).map(|n| format!("{} ({})", n.short(), n.plan));
            let candidates = named.collect::<Vec<_>>().join(", ");
            Err(ChoiceError::Several { what: format!("{what:?}"), candidates })
        }
    }
}

/// The last snapshot of a day, found from the newest backwards.
async fn last_of_day(
    vault: &dyn Vault,
    names: &[SnapshotName],
    day: &str,
    keys: &SnapshotKeys<'_>,
) -> Result<Option<SnapshotName>, ChoiceError> {
    let (mut low, mut high) = (0, names.len());
    // Days ascend with the sequence: the last snapshot whose day is not after `day`.
    while low < high {
        let middle = usize::midpoint(low, high);
        let snapshot = open(vault, &names[middle], keys).await?;
        if snapshot.day.as_str() <= day { low = middle + 1 } else { high = middle }
    }
    let Some(name) = low.checked_sub(1).and_then(|at| names.get(at)) else { return Ok(None) };
    let snapshot = open(vault, name, keys).await?;
    Ok((snapshot.day == day).then(|| name.clone()))
}
