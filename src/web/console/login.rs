//! Signing in with id and password, then with a code where the account has a second factor; signing out.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};
use maud::html;
use serde::Deserialize;

use super::form::{self, Faults, Fields, Line, missing};
use super::layout::Sheet;
use super::refused::{Refused, access_words};
use super::visit::{At, Sent, Visit};
use super::words::w;
use crate::domain::account::AccountId;
use crate::web::{Shared, session};
use crate::workflows::sessions::{self, Begun};
use crate::workflows::sign_in::AccessError;

/// Where signing in leads if nothing else is asked for.
const HOME: &str = "/console";
/// The longest address that is gone back to, bytes.
const NEXT_BYTES_MAX: usize = 300;

/// `?next=`.
#[derive(Debug, Deserialize)]
pub(super) struct Next {
    next: Option<String>,
}

/// An address of the console, or its first page: nobody is led elsewhere by a link to us.
pub(super) fn safe_next(asked: &str) -> &str {
    let rest = asked.strip_prefix(HOME).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let is_plain = asked.len() <= NEXT_BYTES_MAX
        && asked.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && !asked.contains("//")
        && !asked.contains("..");
    let is_entrance = ["/login", "/sign-out", "/setup"]
        .into_iter()
        .any(|path| rest.is_some_and(|rest| rest.starts_with(path)));
    if rest.is_some() && is_plain && !is_entrance { asked } else { HOME }
}

fn render(visit: &Visit, next: &str, account: &str, faults: &Faults) -> maud::Markup {
    let inside = html! {
        (form::hidden("next", safe_next(next)))
        (Line::text("account", w("ユーザーＩＤ", "User ID"), account).autocomplete("username").show(visit, faults))
        (Line::password("password", w("パスワード", "Password"), "current-password").show(visit, faults))
        (form::button("main", visit.t("サインイン", "Sign in")))
    };
    html! {
        (faults.summary(visit))
        (form::form(visit, "/console/login", &inside))
        @if let Some(name) = &visit.provider {
            p {
                a class="button plain" href=(provider_address(next)) {
                    (visit.t("認証サービスでサインイン：", "Sign in with ")) (name)
                }
            }
        }
        p class="hint" {
            (visit.t(
                "パスワードを忘れたときは、アカウントを管理する人に再設定を依頼してください。続けて5回間違えると、15分以上ロックされます。",
                "If you forgot your password, ask who manages the accounts. After five wrong ones in a row the account is locked for 15 minutes or more.",
            ))
        }
    }
}

fn provider_address(next: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", safe_next(next));
    format!("/console/provider?{}", query.finish())
}

/// The page for signing in, in place of a page that needs it.
pub(super) fn sheet(visit: &Visit, status: StatusCode) -> Response {
    let asked = visit.uri.path_and_query().map_or(HOME, |asked| asked.as_str());
    let body = render(visit, asked, "", &Faults::default());
    Sheet { status, ..Sheet::new(title(), body) }.show(visit)
}

fn title() -> super::words::Words {
    w("サインイン", "Sign in")
}

/// `GET /console/login`.
pub(super) async fn page(axum::Extension(visit): At, Query(next): Query<Next>) -> Response {
    let next = next.next.unwrap_or_default();
    if visit.session.is_some() {
        return Redirect::to(safe_next(&next)).into_response();
    }
    Sheet::new(title(), render(&visit, &next, "", &Faults::default())).show(&visit)
}

pub(super) fn throttled(shared: &Shared, visit: &Visit) -> Result<(), Refused> {
    shared.console.throttle.take(visit.peer).map_err(Refused::throttled)
}

/// What is told on the page; everything else is a page of its own.
fn told(error: AccessError) -> Result<super::words::Words, Refused> {
    match error {
        AccessError::Wrong
        | AccessError::Locked { .. }
        | AccessError::Disabled(_)
        | AccessError::WrongCode
        | AccessError::CodeNeeded(_) => Ok(access_words(&error)),
        other => Err(other.into()),
    }
}

/// Goes on with a new secret in the cookie.
pub(super) fn go_on(visit: &Visit, secret: &str, next: &str) -> Response {
    let cookie = AppendHeaders([(header::SET_COOKIE, session::keep(secret, visit.is_secure))]);
    (cookie, Redirect::to(next)).into_response()
}

/// `POST /console/login`.
pub(super) async fn password(
    State(shared): State<Shared>,
    axum::Extension(visit): At,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    throttled(&shared, &visit)?;
    let (given, next) = (fields.plain("account"), fields.raw("next"));
    let again = |faults: Faults| Sheet::faulty(title(), render(&visit, next, &given, &faults)).show(&visit);
    if given.is_empty() {
        return Ok(again(Faults::one("account", missing("ユーザーＩＤ", "your user ID"))));
    }
    let Ok(account) = given.parse::<AccountId>() else {
        return Ok(again(Faults::one("account", access_words(&AccessError::Wrong))));
    };
    let proof = (&account, &fields.password("password"));
    let before = visit.secret.as_deref();
    match sessions::sign_in(&shared.home, &visit.desk.catalog, proof, before, visit.now).await {
        Ok(Begun::Session(secret)) => Ok(go_on(&visit, &secret, safe_next(next))),
        Ok(Begun::CodeNeeded(secret)) => {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("next", safe_next(next));
            Ok(go_on(&visit, &secret, &format!("/console/login/code?{}", query.finish())))
        }
        Err(error) => Ok(again(Faults::one("account", told(error)?))),
    }
}

fn code_form(visit: &Visit, next: &str, faults: &Faults) -> maud::Markup {
    let hint = w(
        "認証アプリに表示されている6桁の数字、又は回復コードを入力してください。",
        "Six digits from your authenticator, or a recovery code.",
    );
    let inside = html! {
        (form::hidden("next", safe_next(next)))
        (Line::text("code", w("確認コード", "One-time code"), "").hint(hint).autocomplete("one-time-code")
            .show(visit, faults))
        (form::button("main", visit.t("確認", "Go on")))
    };
    html! { (faults.summary(visit)) (form::form(visit, "/console/login/code", &inside)) }
}

/// `GET /console/login/code`.
pub(super) async fn code_page(
    axum::Extension(visit): At,
    Query(next): Query<Next>,
) -> Result<Response, Refused> {
    if !visit.is_code_needed {
        return Err(Refused::sign_in());
    }
    let body = code_form(&visit, &next.next.unwrap_or_default(), &Faults::default());
    Ok(Sheet::new(w("確認コードの入力", "One-time code"), body).show(&visit))
}

/// `POST /console/login/code`.
pub(super) async fn code(
    State(shared): State<Shared>,
    axum::Extension(visit): At,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    throttled(&shared, &visit)?;
    let secret = visit.secret.as_deref().filter(|_| visit.is_code_needed).ok_or_else(Refused::sign_in)?;
    let (code, next) = (fields.plain("code"), fields.raw("next"));
    match sessions::give_code(&shared.home, &visit.desk.catalog, secret, &code, visit.now).await {
        Ok(Some(fresh)) => Ok(go_on(&visit, &fresh, safe_next(next))),
        Ok(None) => Err(Refused::sign_in()),
        Err(error) => {
            let faults = Faults::one("code", told(error)?);
            let body = code_form(&visit, next, &faults);
            Ok(Sheet::faulty(w("確認コードの入力", "One-time code"), body).show(&visit))
        }
    }
}

/// `POST /console/sign-out`.
pub(super) async fn sign_out(axum::Extension(visit): At, Sent(_): Sent) -> Result<Response, Refused> {
    leave(&visit).await
}

/// Ends the session and forgets its cookie.
pub(super) async fn leave(visit: &Arc<Visit>) -> Result<Response, Refused> {
    if let Some(secret) = &visit.secret {
        sessions::sign_out(&visit.desk.catalog, secret).await?;
    }
    let cookie = AppendHeaders([(header::SET_COOKIE, session::forget(visit.is_secure))]);
    Ok((cookie, Redirect::to("/console/login")).into_response())
}

/// The fields by which somebody proves again who he is.
pub(super) fn proof(visit: &Visit, has_factor: bool, faults: &Faults) -> maud::Markup {
    html! {
        (Line::password("password", w("今のパスワード", "Your present password"), "current-password").show(visit, faults))
        @if has_factor {
            (Line::text("code", w("確認コード", "One-time code"), "").autocomplete("one-time-code").show(visit, faults))
        }
    }
}

/// The code that was given, if any.
pub(super) fn code_of(fields: &Fields) -> Option<String> {
    Some(fields.plain("code")).filter(|code| !code.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_our_own_pages_only() {
        for own in ["/console", "/console/windows/w-0001", "/console?lang=en", "/console/runs?before=1"] {
            assert_eq!(safe_next(own), own);
        }
        for other in [
            "",
            "https://evil.example/",
            "//evil.example",
            "/console//evil.example",
            "/consolex",
            "/notices",
            "/console/\\evil",
            "/console/../notices",
            "/console/\r\nSet-Cookie: a=b",
            "/console/login",
            "/console/sign-out",
        ] {
            assert_eq!(safe_next(other), HOME, "{other}");
        }
    }
}
