//! Erasure orders: a lost or altered one keeps everything of its plan from being given back.

use crate::archive::layout;
use crate::domain::plan::PlanName;
use crate::workflows::causes::with_causes;
use crate::workflows::erasures;
use crate::workflows::snapshots::{self, SnapshotKeys};

use super::{Problem, Report, Request, Viewer};

/// Reads the orders of a plan, as far as its newest snapshot knows of them.
pub(super) async fn check_erasures(viewer: &Viewer, plan: &PlanName, request: &Request, report: &mut Report) {
    if let Err(error) = check(viewer, plan, request).await {
        let object = layout::erasures(plan);
        report.problems.push(Problem { object, what: with_causes(&error), snapshots: Vec::new(), files: 0 });
    }
}

async fn check(viewer: &Viewer, plan: &PlanName, request: &Request) -> Result<(), erasures::ErasureError> {
    if request.plan.as_ref().is_some_and(|wanted| wanted != plan) {
        return Ok(());
    }
    let keys = SnapshotKeys::new(&viewer.trust, &viewer.catalog, request.now);
    let names = snapshots::list(&*viewer.vault, Some(plan)).await?;
    let mut newest = None;
    if let Some(name) = names.get(plan).and_then(|names| names.last()) {
        // One that does not open is told where snapshots are checked.
        newest = snapshots::open(&*viewer.vault, name, &keys).await.ok();
    }
    let known = erasures::known_by(&newest);
    erasures::load(&*viewer.vault, &viewer.trust, &viewer.catalog, plan, &known).await.map(|_| ())
}
