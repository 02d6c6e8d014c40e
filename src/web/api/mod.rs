//! The API `/api/v1`: everything that a console can do, for programs with a token. Described by itself in OpenAPI 3.1.
//!
//! One file for each noun, with the shapes of its requests and answers beside the handlers. Routes and document are
//! made from the same list (`routes`), so that neither has an address that the other lacks.

#![expect(unused_qualifications, reason = "what utoipa writes for query parameters is qualified")]

use std::sync::LazyLock;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use super::access::{Gate, counted, guard};
use super::limits::Limits;

/// Taking requests apart.
mod extract;

/// Lists page by page.
mod page;

/// Versions of what is decided about.
mod version;

/// Windows.
mod windows;

/// Their occurrences.
mod occurrences;

/// Plans, and runs by hand.
mod plans;

/// Runs and snapshots.
mod runs;

/// Notices.
mod notices;

/// Accounts, and who asks.
mod accounts;

/// Tokens.
mod tokens;

/// The audit log.
mod audit;

/// Incidents.
mod incidents;
mod statements;

/// Coverage and alarms.
mod watch;

/// Monitoring.
mod monitor;

/// Records of work.
mod works;

/// Services.
mod services;

/// Deletion.
mod deletions;

/// Holds and certificates of deletion.
mod holds;

/// Permits.
mod permits;

/// Extracts under permits.
mod extracts;

/// The document.
mod document;

/// The public addresses beside the API, as the document has them.
mod beside;

/// The page for people who read the document.
mod reference;

/// What needs a token.
fn guarded() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(accounts::me))
        .routes(routes!(windows::list, windows::request))
        .routes(routes!(windows::get))
        .routes(routes!(windows::approve))
        .routes(routes!(windows::return_request))
        .routes(routes!(windows::withdraw))
        .routes(routes!(occurrences::list))
        .routes(routes!(occurrences::get))
        .routes(routes!(occurrences::break_glass))
        .routes(routes!(occurrences::see_report))
        .routes(routes!(plans::list))
        .routes(routes!(plans::get))
        .routes(routes!(plans::take))
        .routes(routes!(runs::list))
        .routes(routes!(runs::get))
        .routes(routes!(runs::snapshots))
        .routes(routes!(notices::list))
        .routes(routes!(notices::revisions))
        .routes(routes!(notices::correct))
        .routes(routes!(notices::close))
        .routes(routes!(accounts::list, accounts::add))
        .routes(routes!(accounts::get))
        .routes(routes!(accounts::disable))
        .routes(routes!(accounts::reset_password))
        .routes(routes!(tokens::list, tokens::make))
        .routes(routes!(tokens::revoke))
        .routes(routes!(services::list))
        .routes(routes!(services::confirm))
        .routes(routes!(deletions::list))
        .routes(routes!(deletions::due))
        .routes(routes!(deletions::say_today))
        .routes(routes!(deletions::stand))
        .routes(routes!(deletions::end_standing))
        .routes(routes!(deletions::orders, deletions::approve))
        .routes(routes!(deletions::confirm))
        .routes(routes!(holds::list, holds::add))
        .routes(routes!(holds::release))
        .routes(routes!(holds::list_certificates))
        .routes(routes!(holds::get_certificate))
        .routes(routes!(permits::list, permits::apply))
        .routes(routes!(permits::get))
        .routes(routes!(permits::change))
        .routes(routes!(permits::approve))
        .routes(routes!(permits::return_application))
        .routes(routes!(permits::withdraw))
        .routes(routes!(permits::revoke))
        .routes(routes!(permits::close))
        .routes(routes!(extracts::list))
        .routes(routes!(extracts::get))
        .routes(routes!(extracts::plan))
        .routes(routes!(extracts::cancel))
        .routes(routes!(incidents::list, incidents::open))
        .routes(routes!(incidents::get))
        .routes(routes!(incidents::note))
        .routes(routes!(incidents::write_field))
        .routes(routes!(incidents::step))
        .routes(routes!(statements::issue_one))
        .routes(routes!(watch::coverage))
        .routes(routes!(watch::alarms))
        .routes(routes!(works::list))
        .routes(routes!(works::get))
        .routes(routes!(works::step))
        .routes(routes!(monitor::list))
        .routes(routes!(monitor::logs))
        .routes(routes!(monitor::review))
        .routes(routes!(audit::list))
        .routes(routes!(audit::verify))
}

/// What everybody may read.
fn public() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(document::openapi)).routes(routes!(reference::page))
}

/// The document as text, the same for every installation.
static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| document::text(guarded().into_openapi(), public().into_openapi()));

/// The document of the API: OpenAPI 3.1 as JSON, for the copy in `docs/`.
pub fn document() -> &'static str {
    &DOCUMENT
}

/// The addresses of the API.
pub(super) fn router(shared: &Shared) -> Router<Shared> {
    let gate = Gate { shared: shared.clone(), limits: Limits::new(shared.clock.clone()) };
    let (guarded, _) = guarded().split_for_parts();
    let (public, _) = public().split_for_parts();
    let guarded = guarded.route_layer(from_fn_with_state(gate.clone(), guard));
    let public = public.route_layer(from_fn_with_state(gate, counted));
    Router::new().merge(guarded).merge(public).route("/assets/api.css", get(reference::stylesheet))
}
