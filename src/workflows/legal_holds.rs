//! Legal holds of the store follow the holds of the ledger: set on every object of a held cohort, taken off when no hold
//! covers it any more. The ledger decides; where a store has no legal hold, or nobody gave the credential for it, the
//! ledger alone keeps what is held, and that is said.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::archive::layout::{self, ObjectKind};
use crate::catalog::Catalog;
use crate::domain::cohort::CohortId;
use crate::domain::hold::Hold;
use crate::domain::plan::Plan;
use crate::domain::time::Instant;
use crate::vault::{self, LegalHolds, Remain, S3Settings, StoreUrl};

use super::causes::with_causes;
use super::holds;
use super::host::{Host, HostError, credentials};

/// What the store can do.
pub enum Standing {
    /// It has no legal hold: a directory, or a bucket without Object Lock.
    Unsupported,
    /// It may have, and `kura.toml` names no credential for it.
    NoCredential,
    /// It has.
    Ready(Arc<dyn LegalHolds>),
}

/// What was brought in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The store has no legal hold.
    Unsupported,
    /// Nobody gave a credential for it.
    NoCredential,
    /// Versions that were held, and released, just now.
    Done {
        /// Held.
        held: u64,
        /// Released.
        released: u64,
    },
}

/// Opens the store for legal holds, with a credential of its own.
pub async fn open(host: &Host) -> Result<Standing, HostError> {
    let shown = host.vault.address();
    // A folder is named as it is, which an address would write otherwise.
    let text = shown.strip_prefix("file://").unwrap_or(&shown);
    let address: StoreUrl = text.parse().map_err(|error: vault::StoreUrlError| HostError::Address {
        file: "kura.toml".to_owned(),
        message: error.to_string(),
    })?;
    if matches!(address, StoreUrl::Directory(_)) || !host.vault.can_lock() {
        return Ok(Standing::Unsupported);
    }
    let Some(settings) = &host.settings.legal_hold else { return Ok(Standing::NoCredential) };
    let credentials = credentials(&settings.access_key_id, &settings.secret_access_key_file)?;
    let s3 = S3Settings { credentials, ..S3Settings::default() };
    let found = vault::open_legal_holds(&address, &s3).await?;
    Ok(found.map_or(Standing::Unsupported, Standing::Ready))
}

/// Brings the store's legal holds of these plans in line with the ledger. A ledger with a gap changes nothing.
pub async fn keep_up(
    host: &Host,
    catalog: &Catalog,
    plans: &[Plan],
    now: Instant,
) -> Result<Kept, holds::HoldError> {
    let keeper = match open(host).await {
        Ok(Standing::Ready(keeper)) => keeper,
        Ok(Standing::Unsupported) => return Ok(Kept::Unsupported),
        Ok(Standing::NoCredential) => return Ok(Kept::NoCredential),
        Err(HostError::Vault(error)) => return Err(error.into()),
        Err(error) => {
            tracing::error!(error = with_causes(&error), "legal holds cannot be set");
            return Ok(Kept::NoCredential);
        }
    };
    let (mut held, mut released) = (0_u64, 0_u64);
    for plan in plans {
        let shown = holds::of_host(host, catalog, plan.name()).await?;
        let holds: Vec<Hold> = shown.into_iter().map(|shown| shown.hold).collect();
        let (on, off) = settle(&*keeper, plan, &holds, now).await?;
        held = held.saturating_add(on);
        released = released.saturating_add(off);
    }
    Ok(Kept::Done { held, released })
}

/// Sets and takes off what differs, in cohorts that a hold covers or covered; how many of each.
pub async fn settle(
    keeper: &dyn LegalHolds,
    plan: &Plan,
    holds: &[Hold],
    now: Instant,
) -> Result<(u64, u64), vault::VaultError> {
    let (mut held, mut released) = (0_u64, 0_u64);
    if holds.is_empty() {
        return Ok((held, released));
    }
    let mut by_cohort: BTreeMap<CohortId, Vec<Remain>> = BTreeMap::new();
    for version in keeper.versions(&format!("{}/", plan.name())).await? {
        let cohort = match layout::parse(&version.key) {
            Some(
                ObjectKind::CohortKey(_, cohort, _)
                | ObjectKind::Pack(_, cohort, _)
                | ObjectKind::Index(_, cohort, _),
            ) => cohort,
            _ => continue,
        };
        let day = cohort.clock_day();
        if holds.iter().any(|hold| hold.days.0 <= day && day <= hold.days.1) {
            by_cohort.entry(cohort).or_default().push(version);
        }
    }
    for (cohort, versions) in by_cohort {
        let wanted = holds.iter().any(|hold| hold.keeps(&cohort, plan.zone(), now));
        for version in versions {
            if keeper.is_held(&version).await? == wanted {
                continue;
            }
            keeper.set(&version, wanted).await?;
            let count = if wanted { &mut held } else { &mut released };
            *count = count.saturating_add(1);
        }
    }
    Ok((held, released))
}
