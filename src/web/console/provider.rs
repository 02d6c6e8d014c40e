//! Signing in with an identity provider: sending somebody there, and letting him in when he comes back.
//!
//! The state is in a cookie too: whoever brings it back is the browser that was sent, not one that was handed a link.

use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::login::{safe_next, throttled};
use super::refused::Refused;
use super::visit::At;
use super::words::w;
use crate::web::{Shared, session};
use crate::workflows::identities::{ArrivalError, Entrance};
use crate::workflows::sessions;

/// `?next=`.
#[derive(Debug, Deserialize)]
pub(super) struct Next {
    next: Option<String>,
}

/// With what the provider sends somebody back.
#[derive(Debug, Deserialize)]
pub(super) struct Back {
    state: Option<String>,
    code: Option<String>,
}

fn entrance(shared: &Shared) -> Result<&Entrance, Refused> {
    shared.console.entrance.as_deref().ok_or_else(Refused::not_found)
}

fn not_believed() -> Refused {
    Refused::rule(
        w(
            "認証サービスから、ご本人であることを確かめられませんでした。",
            "The identity provider did not confirm who you are.",
        ),
        w(
            "サインインの画面から、もう一度始めてください。続く場合は、システム管理者に連絡してください。",
            "Begin again from the page for signing in. If it goes on, tell the administrator.",
        ),
    )
}

/// `GET /console/provider`.
pub(super) async fn depart(
    State(shared): State<Shared>,
    axum::Extension(visit): At,
    Query(next): Query<Next>,
) -> Result<Response, Refused> {
    throttled(&shared, &visit)?;
    let next = next.next.unwrap_or_default();
    let departure = entrance(&shared)?.depart(safe_next(&next), visit.now).await;
    let (address, state) = departure.map_err(|error| Refused::internal(&error))?;
    let cookie = AppendHeaders([(header::SET_COOKIE, session::keep_state(&state, visit.is_secure))]);
    Ok((cookie, Redirect::to(&address)).into_response())
}

/// `GET /console/provider/return`.
pub(super) async fn arrive(
    State(shared): State<Shared>,
    axum::Extension(visit): At,
    headers: axum::http::HeaderMap,
    Query(back): Query<Back>,
) -> Result<Response, Refused> {
    throttled(&shared, &visit)?;
    let sent = session::state(&headers);
    let (Some(state), Some(code)) = (back.state.filter(|state| sent == Some(state.as_str())), back.code)
    else {
        return Err(not_believed());
    };
    let catalog = &visit.desk.catalog;
    let arrived = entrance(&shared)?.arrive(catalog, (&state, &code), visit.now).await;
    let (actor, next) = arrived.map_err(refused)?;
    let secret = sessions::begin_proved(catalog, &actor.account, visit.secret.as_deref(), visit.now).await?;
    let cookies = AppendHeaders([
        (header::SET_COOKIE, session::keep(&secret, visit.is_secure)),
        (header::SET_COOKIE, session::forget_state(visit.is_secure)),
    ]);
    Ok((cookies, Redirect::to(safe_next(&next))).into_response())
}

fn refused(error: ArrivalError) -> Refused {
    match error {
        ArrivalError::Access(error) => error.into(),
        ArrivalError::NotAway => not_believed(),
        ArrivalError::Provider(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the identity provider did not say who somebody is");
            not_believed()
        }
        ArrivalError::Unknown(subject) => Refused::rule(
            w(
                format!("認証サービスの利用者 {subject} は、どのアカウントにも結び付けられていません。"),
                format!("No account is linked to {subject} of the identity provider."),
            ),
            w(
                "この番号をシステム管理者に伝えて、アカウントへの結び付けを依頼してください。",
                "Tell the administrator this number and ask to have it linked to your account.",
            ),
        ),
    }
}
