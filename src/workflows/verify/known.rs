//! What the host's catalog knows is held against the store: what it recorded must be there.

use std::collections::BTreeMap;

use crate::archive::digest::Sha256;
use crate::archive::layout;
use crate::catalog::{Catalog, CatalogError, SnapshotRow};
use crate::domain::plan::PlanName;
use crate::workflows::evidence::Evidence;

use super::{Problem, Report, Request};

/// What a host knows must be in the store; nothing without a catalog.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Snapshots that it took.
    pub snapshots: Vec<SnapshotRow>,
    /// Certificates that it issued or found: number and digest of the object, ascending.
    pub certificates: Vec<(u64, Sha256)>,
}

impl Known {
    /// What a catalog knows, of one plan or of all.
    pub async fn of(catalog: &Catalog, plan: Option<&str>) -> Result<Self, CatalogError> {
        Ok(Self {
            snapshots: catalog.snapshots(plan).await?,
            certificates: catalog.known_certificates().await?,
        })
    }
}

/// Names the certificates that this host knows and the store does not have as they were.
pub(super) fn check_certificates(evidence: &Evidence, known: &Known, report: &mut Report) {
    let (missing, wrong) = evidence.against(&known.certificates);
    let told = |object: &str| evidence.problems.iter().any(|(named, _)| named == object);
    let missing = missing.into_iter().map(|number| {
        let what = "this host recorded it and it is missing from the store: `kura expire run` puts it back";
        (layout::certificate(number), what.to_owned())
    });
    for (object, what) in missing.chain(wrong).filter(|(object, _)| !told(object)) {
        report.problems.push(Problem { object, what, snapshots: Vec::new(), files: 0 });
    }
}

/// Names the snapshots that this host took and the store no longer has.
pub(super) fn check_known(stored: &BTreeMap<String, u64>, request: &Request, report: &mut Report) {
    for row in &request.known.snapshots {
        let Ok(plan) = row.plan.parse::<PlanName>() else { continue };
        let key = layout::snapshot(&plan, row.sequence, &row.digest);
        let is_asked_for = request.plan.as_ref().is_none_or(|wanted| *wanted == plan);
        if is_asked_for && !stored.contains_key(&key) {
            report.problems.push(missing(key, row));
        }
    }
}

fn missing(object: String, row: &SnapshotRow) -> Problem {
    let what = "this host recorded it and it is missing from the store: the store is another one, is not mounted, or \
                was rolled back"
        .to_owned();
    let id = row.digest.to_string().chars().take(12).collect();
    Problem { object, what, snapshots: vec![id], files: row.files }
}
