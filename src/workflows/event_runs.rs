//! Runs that somebody asks the service for: acceptance, maintenance (第19条④, 第20条③) and ad hoc ones.
//!
//! Asking is an act with a line in the audit log; the run itself goes on by itself and is recorded like any other.

use std::sync::Arc;

use crate::archive::progress::Progress;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::domain::actor::Actor;
use crate::domain::plan::{Plan, PlanName};
use crate::domain::role::Act;
use crate::domain::time::Instant;

use super::desk::{Desk, DeskError};
use super::host::Host;
use super::sign_in::line;
use super::take_snapshot::{Request, SnapshotError, Summary, take_snapshot};
use super::under_way::UnderWay;
use super::windows::check_reason;

/// What a run is taken for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunEvent {
    /// 受入.
    Acceptance,
    /// 維持管理.
    Maintenance,
    /// 臨時.
    Adhoc,
}

impl RunEvent {
    /// The word in the record of runs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Acceptance => "acceptance",
            Self::Maintenance => "maintenance",
            Self::Adhoc => "adhoc",
        }
    }
}

/// A run that was asked for.
#[derive(Clone, Debug)]
pub struct EventRun {
    /// The plan.
    pub plan: PlanName,
    /// What for.
    pub event: RunEvent,
    /// Why, in the words of who asked.
    pub reason: String,
}

/// Who takes runs: the service.
pub trait Starts: Send + Sync {
    /// Starts a run and returns at once.
    fn start(self: Arc<Self>, run: EventRun);
}

/// Asks for a run. It begins at once and stops no service; one that is under way already is not joined.
pub async fn request(
    (desk, under_way): (&Desk, &UnderWay),
    starts: Arc<dyn Starts>,
    run: EventRun,
    by: &Actor,
    now: Instant,
) -> Result<(), DeskError> {
    by.check(Act::TakeSnapshot)?;
    check_reason(&run.reason)?;
    if !desk.contents.contains_key(run.plan.as_str()) {
        return Err(DeskError::None { what: "readable plan", id: run.plan.to_string() });
    }
    if under_way.list().iter().any(|(plan, _)| *plan == run.plan) {
        return Err(DeskError::UnderWay(run.plan.to_string()));
    }
    let tx = desk.catalog.begin().await?;
    let detail = format!("{}: {}", run.event.word(), run.reason);
    tx.commit(&[line(now, by.account.as_str(), "snapshot.request", run.plan.as_str(), &detail)]).await?;
    starts.start(run);
    Ok(())
}

/// Takes the run that was asked for. It counts for no occurrence.
pub async fn take(
    host: &Host,
    (catalog, under_way): (&Catalog, &UnderWay),
    plan: Plan,
    run: &EventRun,
    clock: &dyn Clock,
) -> Result<Summary, SnapshotError> {
    let request =
        Request { plan, event: run.event.word().to_owned(), reason: Some(run.reason.clone()), reread: false };
    let progress = Arc::new(Progress::default());
    under_way.begin(&run.plan, &progress);
    let taken = Box::pin(take_snapshot(host, catalog, &request, clock, &progress)).await;
    under_way.end(&run.plan);
    taken
}
