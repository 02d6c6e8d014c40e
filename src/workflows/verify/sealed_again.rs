//! Key objects of a cohort that no snapshot names: the same identities, sealed again for other recovery keys.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::layout::{self, ObjectKind};
use crate::domain::cohort::CohortId;
use crate::domain::plan::PlanName;
use crate::workflows::causes::with_causes;
use crate::workflows::cohort_key::check_cohort_key;

use super::{Cohort, Report, Viewer};

/// Checks those whose public half is one that snapshots name; what else is there counts as left over.
pub(super) async fn check_sealed_again(
    viewer: &Viewer,
    plan: &PlanName,
    id: &CohortId,
    (cohort, stored): (&Cohort, &BTreeMap<String, u64>),
    (report, named): (&mut Report, &mut BTreeSet<String>),
) {
    let prefix = layout::cohort_keys(plan, id);
    let below = stored.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
    let numbers: Vec<u32> = below
        .filter_map(|(key, _)| match layout::parse(key) {
            Some(ObjectKind::CohortKey(_, _, number)) => Some(number),
            _ => None,
        })
        .collect();
    let is_named = |number: &u32| cohort.keys.iter().any(|(named, _)| named == number);
    if numbers.iter().all(is_named) {
        return;
    }
    let mut recipients = BTreeSet::new();
    for number in numbers.iter().filter(|number| is_named(number)) {
        let key = layout::cohort_key(plan, id, *number);
        if let Ok(bytes) = viewer.vault.get(&key, None).await
            && let Ok(record) = check_cohort_key(&bytes, &viewer.trust, plan, id, *number)
        {
            recipients.insert(record.recipient);
        }
    }
    for number in numbers.iter().filter(|number| !is_named(number)) {
        let key = layout::cohort_key(plan, id, *number);
        let bytes = match viewer.vault.get(&key, None).await {
            Ok(bytes) => bytes,
            Err(error) => {
                report.problems.push(cohort.problem(key, with_causes(&error)));
                continue;
            }
        };
        match check_cohort_key(&bytes, &viewer.trust, plan, id, *number) {
            Ok(record) if recipients.contains(&record.recipient) => {
                named.insert(key);
            }
            // Made for a run that did not finish.
            Ok(_) => {}
            Err(error) => {
                named.insert(key.clone());
                report.problems.push(cohort.problem(key, with_causes(&error)));
            }
        }
    }
}
