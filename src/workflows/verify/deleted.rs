//! Cohorts whose deletion is shown by evidence: nothing of them is missed, and nothing of them may be there.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::cohort::CohortId;
use crate::domain::plan::PlanName;
use crate::workflows::evidence::{Evidence, Shown};

use super::{Cohort, Problem, Report, Seen};

/// Tells what is wrong with the evidence itself.
pub(super) fn check_evidence(evidence: &Evidence, report: &mut Report) {
    report.certificates = crate::archive::wire::to_u64(evidence.certificates.len());
    for (object, what) in &evidence.problems {
        let problem = Problem { object: object.clone(), what: what.clone(), snapshots: Vec::new(), files: 0 };
        report.problems.push(problem);
    }
}

/// Whether a cohort was deleted when its time was over; then what is left of it is told, and nothing is missed.
pub(super) fn check_deleted(
    evidence: &Evidence,
    (plan, id, cohort): (&PlanName, &CohortId, &Cohort),
    stored: &BTreeMap<String, u64>,
    (report, named): (&mut Report, &mut BTreeSet<String>),
) -> bool {
    let Some(delete_from) = cohort.delete_from else { return false };
    let Some(shown) = evidence.shown(plan.as_str(), &id.to_string(), delete_from) else { return false };
    let prefix = format!("{plan}/{id}/");
    let left: Vec<(&String, &u64)> =
        stored.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix)).collect();
    named.extend(left.iter().map(|(key, _)| (*key).clone()));
    if shown == Shown::Certified {
        for (key, _) in &left {
            let what = "a certificate says that it was deleted, and it is there".to_owned();
            let problem = Problem { object: (*key).clone(), what, snapshots: Vec::new(), files: 0 };
            report.problems.push(problem);
        }
    }
    report.expired += 1;
    let packs = left.iter().filter(|(key, _)| key.contains("/packs/")).map(|(_, size)| **size);
    let (count, bytes) = packs.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
    report.seen.push(Seen { plan: plan.clone(), cohort: *id, packs: count, bytes, is_deleted: true });
    true
}
