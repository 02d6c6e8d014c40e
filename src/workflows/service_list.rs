//! The services that windows stop: how, in which windows, and how each stands now.

use std::collections::BTreeSet;

use crate::domain::actor::Actor;
use crate::domain::role::Act;
use crate::domain::service::How;
use crate::domain::time::Instant;
use crate::domain::window::Window;

use super::desk::{Desk, DeskError};
use super::hand_stops;

pub use super::hand_stops::{HandStop, Stage};
pub use crate::catalog::StoppedService;

/// A service by hand that is not over yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ByHand {
    /// What was asked for and confirmed.
    pub row: HandStop,
    /// Until when its stop may be confirmed.
    pub confirm_until: Instant,
}

/// A service and how it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct ServiceState {
    /// The name that users know.
    pub name: String,
    /// Whether a person stops and starts it; `None` if `kura.toml` no longer names it.
    pub is_by_hand: Option<bool>,
    /// The windows, requested or approved, that stop it.
    pub windows: Vec<Window>,
    /// Stops by Kura that are not over yet.
    pub stopped: Vec<StoppedService>,
    /// Stops by persons that are not over yet.
    pub by_hand: Vec<ByHand>,
}

impl ServiceState {
    /// Whether it is recorded as stopped, or may be.
    pub const fn is_down(&self) -> bool {
        !self.stopped.is_empty() || !self.by_hand.is_empty()
    }
}

/// Every service that `kura.toml` names, a living window stops, or that is stopped now; by name.
pub async fn list(desk: &Desk, by: &Actor) -> Result<Vec<ServiceState>, DeskError> {
    by.check(Act::Read)?;
    all(desk).await
}

/// The same for who holds the machine.
pub async fn all(desk: &Desk) -> Result<Vec<ServiceState>, DeskError> {
    let alive = desk.catalog.windows_alive().await?;
    let stopped = desk.catalog.stopped_services().await?;
    let by_hand = waiting(desk).await?;
    let mut names: BTreeSet<&str> = desk.services.iter().map(|service| service.name.as_str()).collect();
    names.extend(alive.iter().flat_map(|window| &window.terms.parts().stops).map(String::as_str));
    names.extend(stopped.iter().map(|row| row.service.as_str()));
    names.extend(by_hand.iter().map(|one| one.row.service.as_str()));
    let state = |name: &str| ServiceState {
        name: name.to_owned(),
        is_by_hand: desk.service(name).map(|service| service.how == How::Manual),
        windows: alive
            .iter()
            .filter(|window| window.terms.parts().stops.iter().any(|stop| stop == name))
            .cloned()
            .collect(),
        stopped: stopped.iter().filter(|row| row.service == name).cloned().collect(),
        by_hand: by_hand.iter().filter(|one| one.row.service == name).cloned().collect(),
    };
    Ok(names.into_iter().map(state).collect())
}

/// What persons are asked for, or what stands stopped by them.
pub async fn waiting(desk: &Desk) -> Result<Vec<ByHand>, DeskError> {
    let rows = desk.catalog.open_hand_stops().await?;
    let mut found = Vec::new();
    for row in rows {
        let Some(occurrence) = desk.catalog.occurrence(&row.occurrence).await? else { continue };
        let none = || DeskError::None { what: "window", id: occurrence.window.clone() };
        let window = desk.catalog.window(&occurrence.window).await?.ok_or_else(none)?;
        let limit = hand_stops::limit(desk, &window, &occurrence);
        found.push(ByHand { confirm_until: row.confirm_until(limit), row });
    }
    Ok(found)
}
