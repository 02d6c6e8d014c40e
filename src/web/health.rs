//! Whether the service is well: alive means that the scheduler's heart beats, ready that its
//! work succeeds, which includes writing to the catalog, and that the catalog answers.

use axum::extract::State;
use axum::http::StatusCode;

use crate::workflows::notices;

use super::Shared;

fn beats(shared: &Shared) -> bool {
    shared.pulse.beats(shared.clock.now())
}

/// `/healthz`.
pub(super) async fn alive(State(shared): State<Shared>) -> (StatusCode, &'static str) {
    if beats(&shared) {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the scheduler has stopped\n")
    }
}

/// `/readyz`.
pub(super) async fn ready(State(shared): State<Shared>) -> (StatusCode, &'static str) {
    if !beats(&shared) {
        return (StatusCode::SERVICE_UNAVAILABLE, "the scheduler has stopped\n");
    }
    if !shared.pulse.works(shared.clock.now()) {
        let words = "the scheduler cannot bring everything up to date; the log says why\n";
        return (StatusCode::SERVICE_UNAVAILABLE, words);
    }
    let desk = match shared.desks.desk() {
        Ok(desk) => desk,
        Err(error) => {
            tracing::error!(error, "the installation cannot be read");
            return (StatusCode::SERVICE_UNAVAILABLE, "the installation cannot be read\n");
        }
    };
    match notices::list(&desk, false, 1).await {
        Ok(_) => (StatusCode::OK, "ok\n"),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the catalog cannot be read");
            (StatusCode::SERVICE_UNAVAILABLE, "the catalog cannot be read\n")
        }
    }
}
