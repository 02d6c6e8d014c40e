//! Reading locks back: every living cohort each time, every object once in the days in which everything is read again.

use std::collections::BTreeMap;

use crate::archive::layout::{self, ObjectKind};
use crate::domain::cohort::CohortId;
use crate::domain::locks::LockFacts;
use crate::domain::plan::Plan;
use crate::domain::time::Instant;
use crate::vault::{Vault, VaultError};

/// What the locks of a plan's living cohorts are: of the first object of each, and of part N of M of all.
///
/// What lies past its time is left out, as nothing locks it any more.
pub async fn look(
    vault: &dyn Vault,
    plan: &Plan,
    part: Option<(u32, u32)>,
    now: Instant,
) -> Result<LockFacts, VaultError> {
    let mut facts = LockFacts::default();
    if !vault.can_lock() {
        return Ok(facts);
    }
    let mut by_cohort: BTreeMap<CohortId, Vec<String>> = BTreeMap::new();
    for listed in vault.list(&format!("{}/", plan.name())).await? {
        match layout::parse(&listed.key) {
            Some(ObjectKind::Pack(_, cohort, _) | ObjectKind::Index(_, cohort, _)) => {
                by_cohort.entry(cohort).or_default().push(listed.key);
            }
            // Later ones are made where nobody may know yet how long the cohort is kept.
            Some(ObjectKind::CohortKey(_, cohort, 1)) => {
                by_cohort.entry(cohort).or_default().push(listed.key);
            }
            _ => {}
        }
    }
    let mut at: u32 = 0;
    for (cohort, keys) in by_cohort {
        let until = cohort.delete_from(plan.retention(), plan.zone());
        if until <= now {
            continue;
        }
        for (place, key) in keys.into_iter().enumerate() {
            at = at.wrapping_add(1);
            let is_due = part.is_some_and(|(number, of)| at % of.max(1) == number % of.max(1));
            if place > 0 && !is_due {
                continue;
            }
            match vault.kept_lock(&key).await {
                Ok(kept) => {
                    let kept = kept.map(|kept| (kept.until, kept.mode));
                    facts.count((until, plan.lock_mode()), kept);
                }
                Err(VaultError::Denied { .. }) => {
                    tracing::warn!(plan = %plan.name(), "the credentials may not read locks back");
                    facts.is_hidden = true;
                    return Ok(facts);
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(facts)
}
