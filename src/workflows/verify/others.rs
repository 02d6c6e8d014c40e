//! Objects that no snapshot names.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::layout::{self, ObjectKind};

use super::{Report, Request};

/// Counts what no snapshot names.
pub(super) fn count_others(
    stored: &mut BTreeMap<String, u64>,
    named: &BTreeSet<String>,
    request: &Request,
    report: &mut Report,
) {
    stored.retain(|key, _| !named.contains(key));
    for key in stored.keys() {
        let plan = match layout::parse(key) {
            Some(
                ObjectKind::Repository(_)
                | ObjectKind::SigningKeys(_)
                | ObjectKind::RecoveryKeys(_)
                | ObjectKind::CatalogKey(_)
                // `kura audit verify --store` checks these.
                | ObjectKind::AuditHead(..)
                | ObjectKind::Drill(_)
                | ObjectKind::Statement(_)
                // `kura coverage verify` checks these.
                | ObjectKind::Coverage(_)
                | ObjectKind::Intent(_)
                | ObjectKind::Certificate(_)
                | ObjectKind::Hold(..)
                // Checked with their plan.
                | ObjectKind::Erasure(..),
            ) => continue,
            Some(
                ObjectKind::CohortKey(plan, _, _)
                | ObjectKind::Pack(plan, _, _)
                | ObjectKind::Index(plan, _, _),
            ) => plan,
            Some(ObjectKind::Snapshot(plan, _, _)) => plan,
            None if key.starts_with("probe/") => continue,
            None => {
                report.foreign += 1;
                continue;
            }
        };
        if request.plan.as_ref().is_none_or(|wanted| *wanted == plan) {
            report.orphans += 1;
        }
    }
}
