//! Key objects of cohorts: checking one, opening the identity in it with a recovery key.
//!
//! A snapshot names one key object of a cohort. The same identity may be sealed again for other recovery keys, in objects
//! with higher numbers: they count if their public half is the one that the named object states.

use crate::archive::digest::Sha256;
use crate::archive::envelope::{self, payload_type};
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::CohortKey;
use crate::archive::seal::{self, Identity, Keys, SealError};
use crate::domain::cohort::CohortId;
use crate::domain::plan::PlanName;
use crate::vault::Vault;

use super::repository::{Opened, RepositoryError, Trust, decode};

/// No sealed identity is longer, bytes.
const IDENTITY_BYTES_MAX: u64 = 1 << 16;

/// Checks the cohort key object of a number: signed by a host or the root key, for this repository, plan and cohort.
pub fn check_cohort_key(
    bytes: &[u8],
    trust: &Trust,
    plan: &PlanName,
    cohort: &CohortId,
    number: u32,
) -> Result<CohortKey, RepositoryError> {
    let key = layout::cohort_key(plan, cohort, number);
    let mut signers = trust.host_keys();
    signers.push(trust.repository.root.clone());
    let verified = envelope::open(bytes, payload_type::COHORT_KEY, &signers)
        .map_err(|source| RepositoryError::Record { key: key.clone(), source })?;
    let record: CohortKey = decode(&key, &verified.payload)?;
    let is_right = record.repository == trust.repository.repository
        && record.plan == plan.as_str()
        && record.cohort == cohort.to_string();
    if is_right { Ok(record) } else { Err(RepositoryError::wrong(&key, "it is for another cohort")) }
}

/// Fetches a cohort's key object as a snapshot names it and opens the cohort's identity with a recovery key.
pub async fn open_cohort(
    opened: &Opened,
    plan: &PlanName,
    cohort: &CohortId,
    (number, digest): (u32, &Sha256),
) -> Result<Keys, RepositoryError> {
    let key = layout::cohort_key(plan, cohort, number);
    let bytes = opened.vault.get(&key, None).await?;
    if Sha256::of(&bytes) != *digest {
        return Err(RepositoryError::wrong(&key, "its bytes are not those that the snapshot names"));
    }
    let record = check_cohort_key(&bytes, &opened.trust, plan, cohort, number)?;
    match open_identity(&key, &record, &opened.keys) {
        Err(RepositoryError::Sealed { source: SealError::NoKeyOpens, key }) => {
            let again = sealed_again(opened, plan, cohort, (number, &record.recipient)).await?;
            let refused = RepositoryError::Sealed { key, source: SealError::NoKeyOpens };
            again.map(Keys::from).ok_or(refused)
        }
        other => other.map(Keys::from),
    }
}

/// Opens the identity in a key object that was checked.
pub fn open_identity(key: &str, record: &CohortKey, keys: &Keys) -> Result<Identity, RepositoryError> {
    let sealed = |source| RepositoryError::Sealed { key: key.to_owned(), source };
    let secret = zeroize::Zeroizing::new(
        seal::open(record.sealed_identity.as_bytes(), keys, IDENTITY_BYTES_MAX).map_err(sealed)?,
    );
    let identity = Identity::from_secret(&String::from_utf8_lossy(&secret)).map_err(sealed)?;
    if identity.recipient().to_string() != record.recipient {
        return Err(RepositoryError::wrong(key, "the identity in it is not the cohort's"));
    }
    Ok(identity)
}

/// The same identity, sealed again for other recovery keys; the newest that opens.
async fn sealed_again(
    opened: &Opened,
    plan: &PlanName,
    cohort: &CohortId,
    (named, recipient): (u32, &str),
) -> Result<Option<Identity>, RepositoryError> {
    let mut numbers = numbers(&*opened.vault, plan, cohort).await?;
    numbers.retain(|number| *number != named);
    for number in numbers.into_iter().rev() {
        let key = layout::cohort_key(plan, cohort, number);
        let bytes = opened.vault.get(&key, None).await?;
        let checked = check_cohort_key(&bytes, &opened.trust, plan, cohort, number);
        let Ok(record) = checked else { continue };
        if record.recipient == recipient
            && let Ok(identity) = open_identity(&key, &record, &opened.keys)
        {
            return Ok(Some(identity));
        }
    }
    Ok(None)
}

/// The numbers of a cohort's key objects, ascending.
pub async fn numbers(
    vault: &dyn Vault,
    plan: &PlanName,
    cohort: &CohortId,
) -> Result<Vec<u32>, RepositoryError> {
    let listed = vault.list(&layout::cohort_keys(plan, cohort)).await?;
    let number = |key: &str| match layout::parse(key) {
        Some(ObjectKind::CohortKey(_, _, number)) => Some(number),
        _ => None,
    };
    let mut numbers: Vec<u32> = listed.iter().filter_map(|one| number(&one.key)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}
