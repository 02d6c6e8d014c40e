//! Finding and opening snapshots: listing, choosing, checking the chain.

use std::collections::BTreeMap;

use crate::archive::digest::Sha256;
use crate::archive::envelope::payload_type;
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::Snapshot;
use crate::archive::seal::Keys;
use crate::domain::plan::PlanName;
use crate::vault::Vault;

use super::repository::{RepositoryError, Trust, decode, open_signed};

/// A snapshot's name in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotName {
    /// Its plan.
    pub plan: PlanName,
    /// Its place in the plan's chain.
    pub sequence: u64,
    /// SHA-256 of the object; shown to people as its first 12 digits.
    pub digest: Sha256,
}

impl SnapshotName {
    /// The object's key.
    pub fn key(&self) -> String {
        layout::snapshot(&self.plan, self.sequence, &self.digest)
    }

    /// The id that people type: the first 12 hexadecimal digits.
    pub fn short(&self) -> String {
        self.digest.to_string().chars().take(12).collect()
    }
}

/// Who can open and check snapshots.
pub struct SnapshotKeys<'a> {
    /// The repository and the hosts that count.
    pub trust: &'a Trust,
    /// Opens them: the catalog key or a recovery key.
    pub keys: &'a Keys,
}

/// All snapshots in the store, by plan, ascending in sequence.
pub async fn list(
    vault: &dyn Vault,
    plan: Option<&PlanName>,
) -> Result<BTreeMap<PlanName, Vec<SnapshotName>>, RepositoryError> {
    let plans = match plan {
        Some(plan) => vec![plan.clone()],
        None => plans(vault).await?,
    };
    let mut all = BTreeMap::new();
    for plan in plans {
        let mut names: Vec<SnapshotName> = vault
            .list(&layout::snapshots(&plan))
            .await?
            .iter()
            .filter_map(|listed| match layout::parse(&listed.key) {
                Some(ObjectKind::Snapshot(plan, sequence, digest)) => {
                    Some(SnapshotName { plan, sequence, digest })
                }
                Some(_) | None => None,
            })
            .collect();
        names.sort();
        if !names.is_empty() {
            all.insert(plan, names);
        }
    }
    Ok(all)
}

/// The plans that have objects in the store.
async fn plans(vault: &dyn Vault) -> Result<Vec<PlanName>, RepositoryError> {
    let mut plans: Vec<PlanName> = vault
        .list("")
        .await?
        .iter()
        .filter_map(|listed| match layout::parse(&listed.key) {
            Some(ObjectKind::Snapshot(plan, _, _)) => Some(plan),
            Some(_) | None => None,
        })
        .collect();
    plans.sort();
    plans.dedup();
    Ok(plans)
}

/// Fetches, opens and checks one snapshot.
pub async fn fetch(
    vault: &dyn Vault,
    name: &SnapshotName,
    keys: &SnapshotKeys<'_>,
) -> Result<Snapshot, RepositoryError> {
    let key = name.key();
    let sealed = vault.get(&key, None).await?;
    if Sha256::of(&sealed) != name.digest {
        return Err(RepositoryError::wrong(&key, "its bytes are not those that its name states"));
    }
    let verified = open_signed(&key, &sealed, keys.keys, payload_type::SNAPSHOT, &keys.trust.host_keys())?;
    let snapshot: Snapshot = decode(&key, &verified.payload)?;
    if snapshot.format != crate::archive::records::FORMAT {
        return Err(RepositoryError::NewerFormat { found: snapshot.format });
    }
    if !keys.trust.counted(&verified.signer, &snapshot.taken_at) {
        return Err(RepositoryError::wrong(&key, "the host key that signed it did not count at that time"));
    }
    let is_right = snapshot.repository == keys.trust.repository.repository
        && snapshot.plan == name.plan.as_str()
        && snapshot.sequence == name.sequence;
    if is_right { Ok(snapshot) } else { Err(RepositoryError::wrong(&key, "it is for another place")) }
}

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
    #[error(
        "the chain of plan {plan} is broken: {problem}. The store may have been rolled back or tampered with"
    )]
    Chain {
        /// The plan.
        plan: PlanName,
        /// What is wrong.
        problem: String,
    },
    /// A record was refused.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Chooses a snapshot and checks its place in the chain.
pub async fn choose(
    vault: &dyn Vault,
    wanted: &Wanted,
    keys: &SnapshotKeys<'_>,
) -> Result<(SnapshotName, Snapshot), ChoiceError> {
    let plan = if let Wanted::LatestOf(plan) = wanted { Some(plan) } else { None };
    let all = list(vault, plan).await?;
    if all.is_empty() {
        return Err(ChoiceError::None);
    }
    for (plan, names) in &all {
        check_sequence(plan, names)?;
    }
    let newest = |names: &[SnapshotName]| names.last().cloned().ok_or(ChoiceError::None);
    let name = match wanted {
        Wanted::Latest | Wanted::LatestOf(_) => {
            let plans: Vec<String> = all.keys().map(ToString::to_string).collect();
            match all.values().collect::<Vec<_>>().as_slice() {
                [names] => newest(names)?,
                _ => {
                    let what = "`latest`, of plans".to_owned();
                    return Err(ChoiceError::Several { what, candidates: plans.join(", ") });
                }
            }
        }
        Wanted::Prefix(prefix) => {
            let hits = all.values().flatten().filter(|name| name.digest.to_string().starts_with(prefix));
            one(prefix, hits.cloned().collect())?
        }
        Wanted::Day(day) => {
            let mut hits = Vec::new();
            for names in all.values() {
                hits.extend(last_of_day(vault, names, day, keys).await?);
            }
            one(day, hits)?
        }
    };
    let snapshot = fetch(vault, &name, keys).await?;
    let siblings = all.get(&name.plan).map_or(&[][..], Vec::as_slice);
    check_parent(&name, &snapshot, siblings)?;
    Ok((name, snapshot))
}

fn one(what: &str, mut hits: Vec<SnapshotName>) -> Result<SnapshotName, ChoiceError> {
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
        let snapshot = fetch(vault, &names[middle], keys).await?;
        if snapshot.day.as_str() <= day { low = middle + 1 } else { high = middle }
    }
    let Some(name) = low.checked_sub(1).and_then(|at| names.get(at)) else { return Ok(None) };
    let snapshot = fetch(vault, name, keys).await?;
    Ok((snapshot.day == day).then(|| name.clone()))
}

/// Sequences must follow each other: expiry takes the oldest, nothing may be missing in between, none may stand twice.
pub fn check_sequence(plan: &PlanName, names: &[SnapshotName]) -> Result<(), ChoiceError> {
    for pair in names.windows(2) {
        let [before, after] = pair else { continue };
        let problem = if before.sequence == after.sequence {
            format!("two snapshots have number {}", after.sequence)
        } else if before.sequence + 1 != after.sequence {
            format!("number {} is missing", before.sequence + 1)
        } else {
            continue;
        };
        return Err(ChoiceError::Chain { plan: plan.clone(), problem });
    }
    Ok(())
}

/// The parent that a snapshot names must be the one that stands before it.
pub fn check_parent(
    name: &SnapshotName,
    snapshot: &Snapshot,
    siblings: &[SnapshotName],
) -> Result<(), ChoiceError> {
    let before = siblings.iter().rev().find(|sibling| sibling.sequence < name.sequence);
    match (before, snapshot.parent) {
        (Some(before), Some(parent)) if before.digest == parent => Ok(()),
        (None, _) => Ok(()),
        (Some(_), _) => Err(ChoiceError::Chain {
            plan: name.plan.clone(),
            problem: format!("number {} does not follow the one before it", name.sequence),
        }),
    }
}
