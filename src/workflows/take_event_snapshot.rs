//! Snapshots that people ask the service for: acceptance, maintenance, 臨時. They need a reason and stop no service.
//!
//! Asking writes a row; the heart finds it and runs it in the background, once, also after a restart.

use std::sync::Arc;

use async_trait::async_trait;

use crate::archive::digest::Sha256;
use crate::archive::progress::Progress;
use crate::clock::Clock;
use crate::config::Home;
use crate::domain::actor::Actor;
use crate::domain::plan::{Plan, PlanName};
use crate::domain::role::Act;
use crate::domain::time::Instant;

use super::desk::{Desk, DeskError};
use super::host::Host;
use super::occurrence_lock::OccurrenceLock;
use super::sign_in::line;
use super::start_due_runs::cause;
use super::take_snapshot::{self, Request, SnapshotError, Summary};
use super::under_way::UnderWay;
use super::windows::check_reason;

pub use crate::catalog::{EventRequest, RequestState};

/// Why a snapshot is taken beside the windows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// 受入: before something new is accepted.
    Acceptance,
    /// 維持管理: before or after maintenance.
    Maintenance,
    /// 臨時: by hand.
    Adhoc,
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 3] = [Self::Acceptance, Self::Maintenance, Self::Adhoc];

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Acceptance => "acceptance",
            Self::Maintenance => "maintenance",
            Self::Adhoc => "adhoc",
        }
    }

    /// The name for people.
    pub const fn japanese(self) -> &'static str {
        match self {
            Self::Acceptance => "受入",
            Self::Maintenance => "維持管理",
            Self::Adhoc => "臨時",
        }
    }

    /// The event of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.word() == word)
    }
}

/// Asks for a snapshot of a plan and returns the request's id. It begins with the next beat of the service.
pub async fn request(
    desk: &Desk,
    (plan, event): (&PlanName, Event),
    reason: &str,
    by: &Actor,
    now: Instant,
) -> Result<String, DeskError> {
    by.check(Act::TakeSnapshot)?;
    check_reason(reason)?;
    if !desk.contents.contains_key(plan.as_str()) {
        return Err(DeskError::Plan(plan.to_string()));
    }
    let mut tx = desk.catalog.begin().await?;
    let id = tx.add_request((plan.as_str(), event.word(), reason), &by.account, now).await?;
    let detail = format!("{} {plan}: {reason}", event.word());
    tx.commit(&[line(now, by.account.as_str(), "snapshot.request", &id, &detail)]).await?;
    Ok(id)
}

/// The last `limit` requests, newest first.
pub async fn list(desk: &Desk, limit: u32) -> Result<Vec<EventRequest>, DeskError> {
    Ok(desk.catalog.last_requests(limit).await?)
}

/// The request of an id.
pub async fn get(desk: &Desk, id: &str) -> Result<EventRequest, DeskError> {
    let none = || DeskError::None { what: "request", id: id.to_owned() };
    desk.catalog.request(id).await?.ok_or_else(none)
}

/// Requests that wait, or that are said to run; oldest first.
pub async fn open(desk: &Desk) -> Result<Vec<EventRequest>, DeskError> {
    Ok(desk.catalog.open_requests().await?)
}

/// Whatever takes a snapshot for an event.
#[async_trait]
pub trait TakesEvents: Send + Sync {
    /// Takes it.
    async fn take(&self, request: &EventRequest, progress: &Arc<Progress>) -> Result<Summary, SnapshotError>;
}

/// The backup host takes it.
pub struct OnHost<'a> {
    /// What the host holds.
    pub host: &'a Host,
    /// What decisions look at.
    pub desk: &'a Desk,
    /// The plan.
    pub plan: &'a Plan,
    /// The clock.
    pub clock: &'a dyn Clock,
}

#[async_trait]
impl TakesEvents for OnHost<'_> {
    async fn take(&self, request: &EventRequest, progress: &Arc<Progress>) -> Result<Summary, SnapshotError> {
        let asked = Request {
            plan: self.plan.clone(),
            event: request.event.clone(),
            reason: Some(request.reason.clone()),
            reread: false,
        };
        let catalog = &self.desk.catalog;
        Box::pin(take_snapshot::take_snapshot(self.host, catalog, &asked, self.clock, progress)).await
    }
}

/// Runs a request of a plan to its end. `false` if another run of the plan is in its way: it waits.
pub async fn run(
    (desk, home): (&Desk, &Home),
    events: &dyn TakesEvents,
    id: &str,
    under_way: &UnderWay,
    clock: &dyn Clock,
) -> Result<bool, DeskError> {
    let open = desk.catalog.open_requests().await?;
    let Some(request) = open.into_iter().find(|request| request.request == id) else { return Ok(true) };
    let plan: PlanName = request.plan.parse().map_err(|_| DeskError::Plan(request.plan.clone()))?;
    let lock = OccurrenceLock::take(home, &plan).map_err(|error| DeskError::Lock(error.to_string()))?;
    let Some(_lock) = lock else { return Ok(false) };
    // What is said to run although nobody holds the lock was left by a crash.
    desk.catalog.give_requests_back(plan.as_str()).await?;
    if !desk.catalog.take_request(id, &desk.holder.program).await? {
        return Ok(true);
    }
    let progress = Arc::new(Progress::default());
    under_way.begin(&plan, &progress);
    let taken = events.take(&request, &progress).await;
    under_way.end(&plan);
    let (state, snapshot, failure): (RequestState, Option<Sha256>, Option<String>) = match &taken {
        Ok(summary) if summary.is_complete => (RequestState::Done, Some(summary.snapshot), None),
        Ok(summary) => (RequestState::Partial, Some(summary.snapshot), None),
        Err(SnapshotError::Running(_)) => {
            desk.catalog.give_requests_back(plan.as_str()).await?;
            return Ok(false);
        }
        Err(error) => (RequestState::Failed, None, Some(cause(error).to_owned())),
    };
    let now = clock.now();
    let mut tx = desk.catalog.begin().await?;
    tx.end_request(id, state, snapshot, failure.as_deref(), now).await?;
    let detail = snapshot.map_or_else(|| "no snapshot".to_owned(), |digest| format!("snapshot {digest}"));
    tx.commit(&[line(now, "kura", &format!("snapshot.{}", state.word()), id, &detail)]).await?;
    Ok(true)
}
