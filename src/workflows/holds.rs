//! Holds (保全): placing, releasing, reading. They live in the repository, signed and sealed, so that a rebuilt host keeps
//! them; the catalog notes their digests, so that a lost one is noticed.

use std::sync::Arc;

use crate::archive::compress::{self, CompressError};
use crate::archive::digest::Sha256;
use crate::archive::envelope::payload_type;
use crate::archive::evidence::{HoldAct, HoldRecord};
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::FORMAT;
use crate::archive::seal::{Keys, SealError};
use crate::catalog::{Catalog, CatalogError};
use crate::domain::actor::{Actor, Denied};
use crate::domain::hold::{Hold, REASON_CHARACTERS_MAX};
use crate::domain::plan::PlanName;
use crate::domain::role::Act;
use crate::domain::time::{Day, Instant};
use crate::domain::window::is_one_line;
use crate::vault::{Vault, VaultError};

use super::desk::tokyo;
use super::evidence;
use super::host::Host;
use super::repository::{RepositoryError, Trust, decode, open_signed};
use super::sign_in::line;
use super::upload::{UploadError, put_and_compare};

/// Why nothing was decided about a hold, or holds cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// A hold is missing: nobody can say what must be kept.
    #[error(
        "hold {number} of plan {plan} is missing from the store or was replaced: nothing is deleted until it is found out why"
    )]
    Missing {
        /// The plan.
        plan: PlanName,
        /// Its number.
        number: u64,
    },
    /// There is no such hold in force.
    #[error(
        "plan {plan} has no hold {number} that could be released; `kura hold list` shows those there are"
    )]
    None {
        /// The plan.
        plan: PlanName,
        /// The number.
        number: u64,
    },
    /// The days do not fit together.
    #[error("the first day of a hold must not come after its last, and its end must not be past")]
    Days,
    /// A reason is needed.
    #[error(
        "a reason is needed: one line of at most {REASON_CHARACTERS_MAX} characters, without names of persons"
    )]
    Reason,
    /// Some of it is being deleted.
    #[error("the deletion of {0} has begun: `kura expire run` ends it first")]
    Begun(String),
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
    #[error("the hold could not be sealed")]
    Seal(#[from] SealError),
    /// Compressing it.
    #[error("the hold could not be compressed")]
    Compress(#[from] CompressError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl From<VaultError> for HoldError {
    fn from(error: VaultError) -> Self {
        Self::Repository(error.into())
    }
}

/// What is asked to be kept.
#[derive(Clone, Debug)]
pub struct NewHold {
    /// The plan.
    pub plan: PlanName,
    /// The first and the last clock day.
    pub days: (Day, Day),
    /// The last day on which it holds.
    pub until: Option<Day>,
    /// Why.
    pub reason: String,
}

/// A hold with what only people need to know.
#[derive(Clone, Debug)]
pub struct ShownHold {
    /// The hold.
    pub hold: Hold,
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
}

/// The holds of a plan, ascending. A gap, or one that does not open, is an error: nobody can say then what must be kept.
pub async fn load(
    vault: &dyn Vault,
    trust: &Trust,
    keys: &Keys,
    plan: &PlanName,
    noted: &[(u64, Sha256)],
) -> Result<Vec<ShownHold>, HoldError> {
    let mut numbers: Vec<u64> = Vec::new();
    for listed in vault.list(&layout::holds(plan)).await? {
        if let Some(ObjectKind::Hold(_, number)) = layout::parse(&listed.key) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    let missing = |number| HoldError::Missing { plan: plan.clone(), number };
    for (number, expected) in numbers.iter().zip(1..) {
        if *number != expected {
            return Err(missing(expected));
        }
    }
    if let Some((number, _)) = noted.iter().find(|(number, _)| !numbers.contains(number)) {
        return Err(missing(*number));
    }
    let mut holds: Vec<ShownHold> = Vec::new();
    for number in numbers {
        let key = layout::hold(plan, number);
        let sealed = vault.get(&key, None).await?;
        if noted.iter().any(|(noted, digest)| *noted == number && *digest != Sha256::of(&sealed)) {
            return Err(missing(number));
        }
        let opened = open_signed(&key, &sealed, keys, payload_type::HOLD, &trust.host_keys())?;
        let record: HoldRecord = decode(&key, &opened.payload)?;
        let wrong = |problem: &str| RepositoryError::wrong(&key, problem);
        let is_right = record.format == FORMAT
            && record.repository == trust.repository.repository
            && record.plan == plan.as_str()
            && record.number == number
            && trust.counted(&opened.signer, &record.at);
        if !is_right {
            return Err(wrong("it is for another place or time").into());
        }
        take(&mut holds, record, plan).ok_or_else(|| wrong("a day or a number in it cannot be"))?;
    }
    Ok(holds)
}

fn take(holds: &mut Vec<ShownHold>, record: HoldRecord, plan: &PlanName) -> Option<()> {
    let HoldRecord { number, act, reason, by, at, .. } = record;
    match act {
        HoldAct::Place { from, to, until } => {
            let until = until.map(|until| until.parse()).transpose().ok()?;
            let days = (from.parse().ok()?, to.parse().ok()?);
            let hold = Hold { number, plan: plan.clone(), days, until, is_released: false };
            holds.push(ShownHold { hold, reason, by, at });
        }
        HoldAct::Release { number } => {
            holds.iter_mut().find(|shown| shown.hold.number == number)?.hold.is_released = true;
        }
    }
    Some(())
}

/// The holds of a plan as the host reads them, held against what it noted.
pub async fn of_host(host: &Host, catalog: &Catalog, plan: &PlanName) -> Result<Vec<ShownHold>, HoldError> {
    let noted = catalog.noted_holds(plan.as_str()).await?;
    load(&*host.vault, &host.trust, &host.secrets.catalog, plan, &noted).await
}

/// Places a hold and gives its number.
pub async fn add(
    host: &Host,
    catalog: &Catalog,
    new: &NewHold,
    by: &Actor,
    now: Instant,
) -> Result<u64, HoldError> {
    by.check(Act::ManageHolds)?;
    check_reason(&new.reason)?;
    let is_over = new.until.is_some_and(|until| until < tokyo().day_of(now));
    if new.days.1 < new.days.0 || is_over {
        return Err(HoldError::Days);
    }
    let evidence = evidence::load(&host.vault, &host.trust).await?;
    for open in evidence.open.values().flat_map(|open| &open.intent.cohorts) {
        let day = open.clock_day.parse::<Day>();
        if open.plan == new.plan.as_str() && day.is_ok_and(|day| new.days.0 <= day && day <= new.days.1) {
            return Err(HoldError::Begun(format!("{}/{}", open.plan, open.cohort)));
        }
    }
    let act = HoldAct::Place {
        from: new.days.0.to_string(),
        to: new.days.1.to_string(),
        until: new.until.map(|until| until.to_string()),
    };
    let until = new.until.map_or_else(|| "released".to_owned(), |until| until.to_string());
    let detail = format!("{} to {}, until {until}", new.days.0, new.days.1);
    store(host, catalog, (&new.plan, act, &new.reason), (by, "hold.add", &detail), now).await
}

/// Releases a hold. Whoever placed it cannot.
pub async fn release(
    host: &Host,
    catalog: &Catalog,
    (plan, number, reason): (&PlanName, u64, &str),
    by: &Actor,
    now: Instant,
) -> Result<u64, HoldError> {
    by.check(Act::ManageHolds)?;
    check_reason(reason)?;
    let holds = of_host(host, catalog, plan).await?;
    let placed = holds.iter().find(|shown| shown.hold.number == number && !shown.hold.is_released);
    let placed = placed.ok_or_else(|| HoldError::None { plan: plan.clone(), number })?;
    if placed.by == by.account.as_str() {
        return Err(Denied::OwnRequest(by.account.clone()).into());
    }
    let detail = format!("releases hold {number}");
    store(host, catalog, (plan, HoldAct::Release { number }, reason), (by, "hold.release", &detail), now)
        .await
}

fn check_reason(reason: &str) -> Result<(), HoldError> {
    if is_one_line(reason, REASON_CHARACTERS_MAX) { Ok(()) } else { Err(HoldError::Reason) }
}

async fn store(
    host: &Host,
    catalog: &Catalog,
    (plan, act, reason): (&PlanName, HoldAct, &str),
    (by, name, detail): (&Actor, &str, &str),
    now: Instant,
) -> Result<u64, HoldError> {
    // What is there must be whole before anything is added to it.
    of_host(host, catalog, plan).await?;
    let listed = host.vault.list(&layout::holds(plan)).await?;
    let numbers = listed.iter().filter_map(|listed| match layout::parse(&listed.key) {
        Some(ObjectKind::Hold(_, number)) => Some(number),
        _ => None,
    });
    let number = numbers.max().map_or(1, |number| number.saturating_add(1));
    let record = HoldRecord {
        format: FORMAT,
        repository: host.trust.repository.repository.clone(),
        plan: plan.to_string(),
        number,
        act,
        reason: reason.to_owned(),
        by: by.account.to_string(),
        at: now.to_string(),
    };
    let key = layout::hold(plan, number);
    let signed = host.sign_record(&key, payload_type::HOLD, &record)?;
    let bytes = host.seal(&compress::compress(&signed)?)?;
    put_and_compare(&*host.vault, &key, &bytes, Some(host.evidence_end(now).into())).await?;
    host.vault.flush().await?;
    let mut tx = catalog.begin().await?;
    tx.note_hold(plan.as_str(), number, &Sha256::of(&bytes)).await?;
    tx.commit(&[line(now, by.account.as_str(), name, &format!("{plan}/{number}"), detail)]).await?;
    Ok(number)
}

/// The holds of a plan as the holder of a recovery key reads them.
pub async fn of_opened(
    opened: &Arc<super::repository::Opened>,
    plan: &PlanName,
) -> Result<Vec<ShownHold>, HoldError> {
    load(&*opened.vault, &opened.trust, &opened.secrets.catalog, plan, &[]).await
}
