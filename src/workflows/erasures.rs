//! Erasure orders (消去指示): ordering, taking back, reading. They live in the repository, signed, chained and sealed, so
//! that a restore from nothing but the store and a recovery key honours them too.
//!
//! An order deletes nothing and shortens no lock. Every reader of entries leaves out what it covers; a gap in the orders, or
//! one that does not open, keeps everything of the plan from being given back.

use std::collections::BTreeSet;

use crate::archive::compress::{self, CompressError};
use crate::archive::digest::{PathDigest, Sha256};
use crate::archive::envelope::payload_type;
use crate::archive::erasure::{ErasureAct, ErasureHead, ErasureRecord};
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::{FORMAT, Snapshot};
use crate::archive::seal::{Keys, SealError};
use crate::catalog::{Catalog, CatalogError};
use crate::domain::actor::{Actor, Denied};
use crate::domain::erasure::{Erasure, PATHS_MAX, REASON_CHARACTERS_MAX, covered};
use crate::domain::plan::{Plan, PlanName};
use crate::domain::role::Act;
use crate::domain::time::{Day, Instant};
use crate::domain::window::is_one_line;
use crate::vault::{Vault, VaultError};

use super::host::Host;
use super::repository::{RepositoryError, Trust, decode, open_signed};
use super::sign_in::line;
use super::upload::{UploadError, put_own};

/// Why nothing was ordered, or orders cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// An order is missing: nobody can say what must not be given back.
    #[error(
        "erasure order {number} of plan {plan} is missing from the store or was replaced: nothing of the plan is given back \
         until it is found out why"
    )]
    Missing {
        /// The plan.
        plan: PlanName,
        /// Its number.
        number: u64,
    },
    /// There is no such order in force.
    #[error(
        "plan {plan} has no erasure order {number} that could be taken back; `kura erase list` shows those there are"
    )]
    None {
        /// The plan.
        plan: PlanName,
        /// The number.
        number: u64,
    },
    /// The paths cannot be.
    #[error("give 1 to {PATHS_MAX} paths as `kura ls` shows them, without `..` and without globs")]
    Paths,
    /// A reason is needed.
    #[error(
        "a reason is needed: one line of at most {REASON_CHARACTERS_MAX} characters, without names of persons"
    )]
    Reason,
    /// Somebody else ordered something a moment ago.
    #[error("somebody else ordered an erasure a moment ago: look at `kura erase list` and do it again")]
    Raced,
    /// A right is missing.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// A record.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// Storing it.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// Sealing it.
    #[error("the order could not be sealed")]
    Seal(#[from] SealError),
    /// Compressing it.
    #[error("the order could not be compressed")]
    Compress(#[from] CompressError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl From<VaultError> for ErasureError {
    fn from(error: VaultError) -> Self {
        Self::Repository(error.into())
    }
}

/// The orders of a plan.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// In the order of their numbers.
    pub orders: Vec<ShownErasure>,
    /// How far they go.
    pub head: Option<ErasureHead>,
    digests: Vec<Sha256>,
}

/// An order with what only people need to know.
#[derive(Clone, Debug)]
pub struct ShownErasure {
    /// The order.
    pub erasure: Erasure,
    /// Why.
    pub reason: String,
    /// Who ordered it.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
}

impl Ledger {
    /// What is left out of a cohort of this clock day.
    pub fn covered(&self, clock_day: Day) -> BTreeSet<[u8; 16]> {
        let orders: Vec<Erasure> = self.orders.iter().map(|shown| shown.erasure.clone()).collect();
        covered(&orders, clock_day)
    }

    /// How many orders are in force.
    pub fn in_force(&self) -> u64 {
        let counts = self.orders.iter().filter(|shown| !shown.erasure.is_revoked);
        u64::try_from(counts.count()).unwrap_or(u64::MAX)
    }

    /// The orders that somebody knows of must be there, unaltered.
    fn check(&self, plan: &PlanName, known: &[(u64, Sha256)]) -> Result<(), ErasureError> {
        for (number, digest) in known {
            let index = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
            if *number == 0 || self.digests.get(index) != Some(digest) {
                return Err(ErasureError::Missing { plan: plan.clone(), number: *number });
            }
        }
        Ok(())
    }
}

/// Reads the orders of a plan and checks that none of those that `known` names is missing.
pub async fn load(
    vault: &dyn Vault,
    trust: &Trust,
    keys: &Keys,
    plan: &PlanName,
    known: &[(u64, Sha256)],
) -> Result<Ledger, ErasureError> {
    let mut numbers = Vec::new();
    for listed in vault.list(&layout::erasures(plan)).await? {
        if let Some(ObjectKind::Erasure(_, number)) = layout::parse(&listed.key) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    let mut ledger = Ledger::default();
    for (number, expected) in numbers.iter().zip(1..) {
        if *number != expected {
            return Err(ErasureError::Missing { plan: plan.clone(), number: expected });
        }
        let key = layout::erasure(plan, *number);
        let sealed = vault.get(&key, None).await?;
        let opened = open_signed(&key, &sealed, keys, payload_type::ERASURE, &trust.host_keys())?;
        let record: ErasureRecord = decode(&key, &opened.payload)?;
        let is_right = record.format == FORMAT
            && record.repository == trust.repository.repository
            && record.plan == plan.as_str()
            && record.number == *number
            && record.previous == ledger.digests.last().copied()
            && trust.counted(&opened.signer, &record.at);
        let wrong = |problem: &str| RepositoryError::wrong(&key, problem);
        if !is_right {
            return Err(
                wrong("it is for another place or time, or does not follow the order before it").into()
            );
        }
        let digest = Sha256::of(&sealed);
        ledger.digests.push(digest);
        ledger.head = Some(ErasureHead { number: *number, digest });
        take(&mut ledger.orders, record).ok_or_else(|| wrong("a day, a path or a number in it cannot be"))?;
    }
    ledger.check(plan, known)?;
    Ok(ledger)
}

fn take(orders: &mut Vec<ShownErasure>, record: ErasureRecord) -> Option<()> {
    let ErasureRecord { number, act, reason, by, at, .. } = record;
    match act {
        ErasureAct::Order { paths, through } => {
            let mut digests = BTreeSet::new();
            for path in paths {
                let mut digest = [0_u8; 16];
                hex::decode_to_slice(path, &mut digest).ok()?;
                digests.insert(digest);
            }
            let erasure =
                Erasure { number, through: through.parse().ok()?, paths: digests, is_revoked: false };
            orders.push(ShownErasure { erasure, reason, by, at });
        }
        ErasureAct::Revoke { number } => {
            orders.iter_mut().find(|shown| shown.erasure.number == number)?.erasure.is_revoked = true;
        }
    }
    Some(())
}

/// What snapshots know of the orders.
pub fn known_by<'s>(snapshots: impl IntoIterator<Item = &'s Snapshot>) -> Vec<(u64, Sha256)> {
    let heads = snapshots.into_iter().filter_map(|snapshot| snapshot.erasures);
    heads.map(|head| (head.number, head.digest)).collect()
}

/// The orders of a plan as the host reads them, held against what it noted.
pub async fn of_host(host: &Host, catalog: &Catalog, plan: &PlanName) -> Result<Ledger, ErasureError> {
    let noted = catalog.noted_erasures(plan.as_str()).await?;
    load(&*host.vault, &host.trust, &host.secrets.catalog, plan, &noted).await
}

/// Full paths, `<source>/<path>`, of what people name as `kura ls` shows it.
pub fn full_paths(plan: &Plan, paths: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, ErasureError> {
    if paths.is_empty() || paths.len() > PATHS_MAX {
        return Err(ErasureError::Paths);
    }
    let one_source = match plan.sources() {
        [source] => Some(source.name().as_str().as_bytes()),
        _ => None,
    };
    let full = |path: &Vec<u8>| {
        let trimmed = path.strip_suffix(b"/").unwrap_or(path);
        let bad = |part: &[u8]| part.is_empty() || part == b".." || part == b".";
        if trimmed.split(|byte| *byte == b'/').any(bad) || trimmed.iter().any(|byte| b"*?[{".contains(byte)) {
            return Err(ErasureError::Paths);
        }
        Ok(one_source.map_or_else(|| trimmed.to_vec(), |source| [source, b"/", trimmed].concat()))
    };
    paths.iter().map(full).collect()
}

/// Orders that paths, and what is below them, are not given back any more; gives the number.
pub async fn order(
    host: &Host,
    catalog: &Catalog,
    (plan, paths, reason): (&Plan, &[Vec<u8>], &str),
    by: &Actor,
    now: Instant,
) -> Result<u64, ErasureError> {
    by.check(Act::OrderErasures)?;
    check_reason(reason)?;
    let hashing = &host.secrets.hashing;
    let digests: BTreeSet<[u8; 16]> = full_paths(plan, paths)?
        .iter()
        .map(|path| {
            let PathDigest(digest) = hashing.path(path);
            digest
        })
        .collect();
    let through = plan.cohort_of(plan.zone().day_of(now)).clock_day();
    let detail = format!("{} paths, sent until {through}", digests.len());
    let act =
        ErasureAct::Order { paths: digests.iter().map(hex::encode).collect(), through: through.to_string() };
    store(host, catalog, (plan.name(), act, reason), (by, "erasure.order", &detail), now).await
}

/// Takes an order back. Whoever gave it cannot.
pub async fn revoke(
    host: &Host,
    catalog: &Catalog,
    (plan, number, reason): (&PlanName, u64, &str),
    by: &Actor,
    now: Instant,
) -> Result<u64, ErasureError> {
    by.check(Act::OrderErasures)?;
    check_reason(reason)?;
    let ledger = of_host(host, catalog, plan).await?;
    let is_wanted = |shown: &&ShownErasure| shown.erasure.number == number && !shown.erasure.is_revoked;
    let ordered = ledger.orders.iter().find(is_wanted);
    let ordered = ordered.ok_or_else(|| ErasureError::None { plan: plan.clone(), number })?;
    if ordered.by == by.account.as_str() {
        return Err(Denied::OwnRequest(by.account.clone()).into());
    }
    let detail = format!("takes back order {number}");
    let act = ErasureAct::Revoke { number };
    store(host, catalog, (plan, act, reason), (by, "erasure.revoke", &detail), now).await
}

fn check_reason(reason: &str) -> Result<(), ErasureError> {
    if is_one_line(reason, REASON_CHARACTERS_MAX) { Ok(()) } else { Err(ErasureError::Reason) }
}

async fn store(
    host: &Host,
    catalog: &Catalog,
    (plan, act, reason): (&PlanName, ErasureAct, &str),
    (by, name, detail): (&Actor, &str, &str),
    now: Instant,
) -> Result<u64, ErasureError> {
    // What is there must be whole before anything is added to it.
    let ledger = of_host(host, catalog, plan).await?;
    let number = ledger.head.map_or(1, |head| head.number.saturating_add(1));
    let record = ErasureRecord {
        format: FORMAT,
        repository: host.trust.repository.repository.clone(),
        plan: plan.to_string(),
        number,
        previous: ledger.head.map(|head| head.digest),
        act,
        reason: reason.to_owned(),
        by: by.account.to_string(),
        at: now.to_string(),
    };
    let key = layout::erasure(plan, number);
    let signed = host.sign_record(&key, payload_type::ERASURE, &record)?;
    let bytes = host.seal(&compress::compress(&signed)?)?;
    if !put_own(&*host.vault, &key, &bytes, Some(host.evidence_end(now).into())).await? {
        return Err(ErasureError::Raced);
    }
    host.vault.flush().await?;
    let mut tx = catalog.begin().await?;
    tx.note_erasure(plan.as_str(), number, &Sha256::of(&bytes)).await?;
    tx.commit(&[line(now, by.account.as_str(), name, &format!("{plan}/{number}"), detail)]).await?;
    Ok(number)
}
