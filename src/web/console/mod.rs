//! The console: pages for people who sign in, rendered here, without any script. Each page is one row of `pages`.
//!
//! The gatekeeper (`visit`) stands before every page: it knows who visits and whether he may, refuses forms of other sites,
//! and turns refusals into pages. Workflows check rights again: what is not offered is refused too.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::any;

use super::Shared;
use crate::clock::Clock;
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::workflows::identities::Entrance;
use crate::workflows::sessions::SetUpDigest;
use refused::Refused;
pub(super) use throttle::Throttle;

/// Two languages side by side.
mod words;

/// Why something is not done, as a page.
mod refused;

/// The gatekeeper.
mod visit;

/// Fields and what is wrong with them.
mod form;

/// Forms with a file.
mod upload;

/// The frame of every page.
mod layout;

/// Lists page by page.
mod paging;

/// Pages to print.
mod printed;

/// How often one address may try.
mod throttle;

/// Signing in and out.
mod login;

/// Signing in with an identity provider.
mod provider;

/// The first account.
mod setup;

/// The first page.
mod home;

/// A month.
mod calendar;

/// Windows: the list, one of them.
mod windows;

/// Asking for a window.
mod request;

/// Deciding about a window.
mod decide;

/// One occurrence, and letting it run.
mod occurrences;

/// Runs.
mod runs;

/// Snapshots.
mod restore_points;

/// Snapshots that people ask for.
mod events;

/// Extracts.
mod extracts;

/// How far an extract is.
mod extract_progress;

/// Notices.
mod notices;

/// Incidents.
mod incidents;

/// What persons do with incidents.
mod incident_forms;

/// The statement of recoverability of an incident.
mod statements;

/// What to do when something fails.
mod runbooks;

/// Coverage and alarms.
mod watch;

/// Monitoring.
mod monitoring;

/// Records of work.
mod works;

/// Opening a record of work, and attaching results.
mod work_forms;

/// The table of all pages.
mod pages;

/// Services.
mod services;

/// Deletion.
mod deletion;

/// Deletion by order.
mod deletion_orders;

/// Certificates of deletion.
mod certificates;

/// Holds.
mod holds;

/// Permits.
mod permits;

/// Applying for a permit.
mod permit_form;

/// Deciding about one.
mod permit_decide;

/// Accounts of others.
mod accounts;

/// One's own account.
mod own;

/// One's own tokens.
mod own_tokens;

/// The audit log.
mod audit;

/// How long the link for the first account counts, minutes.
const SET_UP_MINUTES: i64 = 60;

/// What the console keeps in memory.
#[derive(Clone)]
pub struct Console {
    set_up: Arc<Mutex<Option<(SetUpDigest, Instant)>>>,
    throttle: Arc<Throttle>,
    entrance: Option<Arc<Entrance>>,
}

impl Console {
    /// Nobody has come yet, and the set-up page is closed.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { set_up: Arc::default(), throttle: Arc::new(Throttle::new(clock)), entrance: None }
    }

    /// With an identity provider that people may sign in with.
    #[must_use]
    pub fn with_entrance(self, entrance: Option<Entrance>) -> Self {
        Self { entrance: entrance.map(Arc::new), ..self }
    }

    /// Opens the page for the first account for an hour and returns the path of the link, which is told this once.
    pub fn open_set_up(&self, now: Instant) -> String {
        let (secret, digest) = SetUpDigest::fresh();
        let until = now.plus_minutes(SET_UP_MINUTES);
        *self.set_up.lock().unwrap_or_else(PoisonError::into_inner) = Some((digest, until));
        format!("/console/setup?key={}", secret.as_str())
    }

    fn is_set_up_open(&self, secret: &str, now: Instant) -> bool {
        let open = self.set_up.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().is_some_and(|(digest, until)| *digest == SetUpDigest::of(secret) && now < *until)
    }

    fn close_set_up(&self) {
        *self.set_up.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The page that says that a form was too large, if the console was asked.
pub(super) fn too_large(request: &Request) -> Option<impl FnOnce() -> Response + use<>> {
    let path = request.uri().path();
    let is_ours = path == "/console" || path.starts_with("/console/");
    let page = visit::too_large(request);
    is_ours.then_some(page)
}

/// What a page needs of its visitor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Nothing.
    Nobody,
    /// That he has signed in.
    SignedIn,
    /// A right.
    Right(Act),
}

/// An address of the console, for tests of who may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path, as the router reads it.
    pub path: &'static str,
    /// What it needs.
    pub need: Need,
}

/// Every address with what it needs.
pub fn addresses() -> Vec<Address> {
    pages::all().into_iter().map(|page| page.address).collect()
}

/// The pages with or without files, each behind the gatekeeper.
fn kept(shared: &Shared, has_file: bool) -> Router<Shared> {
    let mut router = Router::new();
    for page in pages::all().into_iter().filter(|page| page.has_file == has_file) {
        let keep = from_fn_with_state((shared.clone(), page.address.need), visit::keep);
        router = router.route(page.address.path, page.handler.route_layer(keep));
    }
    router
}

/// The acts whose forms hold files: they may be larger than all others.
pub(super) fn uploads(shared: &Shared) -> Router<Shared> {
    kept(shared, true)
}

/// The pages, each behind the gatekeeper.
pub(super) fn router(shared: &Shared) -> Router<Shared> {
    let keep = |need: Need| from_fn_with_state((shared.clone(), need), visit::keep);
    let router = kept(shared, false);
    let none = async || Refused::not_found();
    router
        .route("/console/", any(none).layer(keep(Need::SignedIn)))
        .route("/console/{*rest}", any(none).layer(keep(Need::SignedIn)))
        .method_not_allowed_fallback(visit::wrong_method)
}
