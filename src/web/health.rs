//! Whether the service is well: alive means that the scheduler's heart beats, ready that the catalog answers too.

use axum::extract::State;
use axum::http::StatusCode;

use crate::workflows::notices;

use super::Shared;

/// A heart that has not beaten for this long has stopped, minutes.
const BEAT_MINUTES_MAX: i64 = 2;

fn beats(shared: &Shared) -> bool {
    shared.clock.now() < shared.last_beat().plus_minutes(BEAT_MINUTES_MAX)
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
