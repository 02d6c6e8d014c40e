//! What a hold keeps past its time: it belongs into both stores as long as the hold is in force.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::layout::{self, ObjectKind};
use crate::archive::seal::Keys;
use crate::domain::cohort::CohortId;
use crate::domain::hold::Hold;
use crate::domain::plan::PlanName;
use crate::domain::time::Instant;
use crate::vault::Vault;
use crate::workflows::causes::with_causes;
use crate::workflows::desk::tokyo;
use crate::workflows::holds::{self, HoldError};
use crate::workflows::repository::{RepositoryError, Trust};
use crate::workflows::snapshots::SnapshotName;

/// Cohorts past their time that a hold keeps, and the snapshots that name them.
#[derive(Default)]
pub(super) struct Held {
    ledgers: BTreeMap<PlanName, Vec<Hold>>,
    cohorts: BTreeSet<(PlanName, CohortId)>,
    snapshots: BTreeSet<String>,
}

impl Held {
    /// Reads the holds of a plan once. A ledger that cannot be read stops deletion, and is told of there; the copy goes on
    /// with what is inside its time.
    pub(super) async fn read_ledger(
        &mut self,
        vault: &dyn Vault,
        (trust, keys): (&Trust, &Keys),
        plan: &PlanName,
    ) -> Result<(), RepositoryError> {
        if self.ledgers.contains_key(plan) {
            return Ok(());
        }
        let shown = match holds::load(vault, trust, keys, plan, &[]).await {
            Ok(shown) => shown,
            Err(HoldError::Repository(error)) if !error.is_of_object() => return Err(error),
            Err(error) => {
                tracing::error!(error = with_causes(&error), "what is held past its time is not copied");
                Vec::new()
            }
        };
        self.ledgers.insert(plan.clone(), shown.into_iter().map(|shown| shown.hold).collect());
        Ok(())
    }

    /// Notes a cohort past its time, and the snapshot that names it, if a hold keeps them.
    pub(super) fn look(&mut self, snapshot: &SnapshotName, cohort: CohortId, now: Instant) {
        let zone = tokyo();
        let holds = self.ledgers.get(&snapshot.plan).into_iter().flatten();
        if holds.into_iter().any(|hold| hold.keeps(&cohort, &zone, now)) {
            self.cohorts.insert((snapshot.plan.clone(), cohort));
            self.snapshots.insert(snapshot.key());
        }
    }

    /// Whether a hold keeps an object although its time is over.
    pub(super) fn keeps(&self, key: &str) -> bool {
        match layout::parse(key) {
            Some(
                ObjectKind::CohortKey(plan, cohort, _)
                | ObjectKind::Pack(plan, cohort, _)
                | ObjectKind::Index(plan, cohort, _),
            ) => self.cohorts.contains(&(plan, cohort)),
            Some(ObjectKind::Snapshot(..)) => self.snapshots.contains(key),
            _ => false,
        }
    }
}
