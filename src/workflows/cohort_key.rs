//! Key objects of cohorts: checking one, opening the identity in it with a recovery key.

use crate::archive::digest::Sha256;
use crate::archive::envelope::{self, payload_type};
use crate::archive::layout;
use crate::archive::records::CohortKey;
use crate::archive::seal::{self, Identity, Keys};
use crate::domain::cohort::CohortId;
use crate::domain::plan::PlanName;

use super::repository::{Opened, RepositoryError, Trust, decode};

/// Checks the cohort key object of a number: signed by a host, for this repository, plan and cohort.
pub fn check_cohort_key(
    bytes: &[u8],
    trust: &Trust,
    plan: &PlanName,
    cohort: &CohortId,
    number: u32,
) -> Result<CohortKey, RepositoryError> {
    let key = layout::cohort_key(plan, cohort, number);
    let verified = envelope::open(bytes, payload_type::COHORT_KEY, &trust.host_keys())
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
    let sealed = |source| RepositoryError::Sealed { key: key.clone(), source };
    let secret = seal::open(record.sealed_identity.as_bytes(), &opened.keys, 1 << 16).map_err(sealed)?;
    let identity = Identity::from_secret(&String::from_utf8_lossy(&secret)).map_err(sealed)?;
    if identity.recipient().to_string() != record.recipient {
        return Err(RepositoryError::wrong(&key, "the identity in it is not the cohort's"));
    }
    Ok(identity.into())
}
