//! The runs of this program that are under way, with how far they are, for people who watch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::archive::progress::Progress;
use crate::domain::plan::PlanName;
use crate::domain::time::Instant;

/// The runs under way, by plan. Cloning gives another handle to the same list.
#[derive(Clone, Debug, Default)]
pub struct UnderWay(Arc<Mutex<BTreeMap<PlanName, Arc<Progress>>>>);

impl UnderWay {
    /// Notes that a run has begun.
    pub fn begin(&self, plan: &PlanName, progress: &Arc<Progress>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(plan.clone(), progress.clone());
    }

    /// Notes that a run has ended, well or not.
    pub fn end(&self, plan: &PlanName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(plan);
    }

    /// Stops the runs whose time is over, at their next safe point.
    pub fn stop_due(&self, now: Instant) {
        for (_, progress) in self.list() {
            progress.stop_if_due(now);
        }
    }

    /// What runs now.
    pub fn list(&self) -> Vec<(PlanName, Arc<Progress>)> {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.iter().map(|(plan, progress)| (plan.clone(), progress.clone())).collect()
    }
}
