//! The runs of this program that are under way, with how far they are, for people who watch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::archive::progress::Progress;
use crate::domain::plan::PlanName;

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

    /// What runs now.
    pub fn list(&self) -> Vec<(PlanName, Arc<Progress>)> {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.iter().map(|(plan, progress)| (plan.clone(), progress.clone())).collect()
    }
}
