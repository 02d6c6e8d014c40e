//! Starting the runs whose occurrence has come: each once, in its window, if the gate lets it through.

use std::sync::Arc;

use crate::archive::progress::Progress;
use crate::clock::Clock;
use crate::domain::plan::Plan;
use crate::domain::window::WindowKind;

use super::desk::Desk;
use super::gate::{self, Entry, GateError};
use super::host::Host;
use super::take_snapshot::{self, Request, SnapshotError, Summary};
use super::under_way::UnderWay;

/// How an attempt at a due occurrence ended.
#[derive(Debug)]
pub enum Attempt {
    /// A snapshot was taken.
    Taken(Summary),
    /// A rule refused it, or the catalog failed.
    Refused(GateError),
    /// The run failed; the occurrence may be tried again while it lasts.
    Failed(SnapshotError),
    /// Another program runs this plan already.
    Elsewhere,
    /// There was nothing to do.
    Nothing,
}

/// Runs a plan whose occurrence has come.
pub async fn run(desk: &Desk, host: &Host, plan: &Plan, under_way: &UnderWay, clock: &dyn Clock) -> Attempt {
    let entry = match gate::enter(desk, plan.name(), plan.zone(), clock.now()).await {
        Ok(Entry::Occurrence(occurrence, kind)) => (occurrence, kind),
        Ok(Entry::Free) => return Attempt::Nothing,
        Err(refused) => return Attempt::Refused(refused),
    };
    let (occurrence, kind) = entry;
    let request = Request {
        plan: plan.clone(),
        event: if kind == WindowKind::Monthly { "monthly" } else { "daily" }.to_owned(),
        reason: None,
        // The monthly run reads everything again.
        reread: kind == WindowKind::Monthly,
    };
    let progress = Arc::new(Progress::default());
    under_way.begin(plan.name(), &progress);
    let taken = take_snapshot::take_snapshot(host, &desk.catalog, &request, clock, &progress).await;
    under_way.end(plan.name());
    if matches!(taken, Err(SnapshotError::Running(_))) {
        return Attempt::Elsewhere;
    }
    if let Err(error) = gate::leave(desk, &occurrence, taken.is_ok(), clock.now()).await {
        return Attempt::Refused(error);
    }
    match taken {
        Ok(summary) => Attempt::Taken(summary),
        Err(error) => Attempt::Failed(error),
    }
}
