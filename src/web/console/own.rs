//! One's own account: password and second factor. Each change asks for the present password again.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use secrecy::ExposeSecret as _;

use super::accounts::password_hint;
use super::form::{self, Faults, Fields, Line};
use super::layout::{Sheet, facts};
use super::login::{code_of, go_on, proof};
use super::refused::{Refused, access_words};
use super::setup::twice_fault;
use super::visit::{At, Sent, Visit};
use super::words::{Words, w};
use crate::paper::qr::qr;
use crate::web::Shared;
use crate::workflows::accounts::{self, AccountError, NewFactor, Own};
use crate::workflows::look::{self, AccountRow};
use crate::workflows::sessions;
use crate::workflows::sign_in::AccessError;

async fn own_row(visit: &Visit) -> Result<AccountRow, Refused> {
    look::account(&visit.desk.catalog, visit.account()?).await?.ok_or_else(Refused::sign_in)
}

/// `GET /console/own`.
pub(super) async fn page(axum::Extension(visit): At) -> Result<Response, Refused> {
    let row = own_row(&visit).await?;
    let factor = if row.has_second_factor() {
        visit.t("設定済み", "set up")
    } else {
        visit.t("未設定", "not set up")
    };
    let rows = [
        (visit.t("ユーザーＩＤ", "User ID"), html! { (row.account) }),
        (visit.t("役割", "Role"), html! { (visit.lang.role(row.role)) }),
        (
            visit.t("パスワードの変更日時", "Password set"),
            html! { (visit.lang.moment(row.password_changed_at)) },
        ),
        (visit.t("二要素認証", "Second factor"), html! { (factor) }),
    ];
    let rows: Vec<(String, Markup)> =
        rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let body = html! {
        (facts(&rows))
        div class="buttons" {
            a class="button plain" href="/console/own/password" { (visit.t("パスワードを変更する", "Change the password")) }
            a class="button plain" href="/console/own/factor" { (visit.t("二要素認証", "Second factor")) }
            a class="button plain" href="/console/own/tokens" { (visit.t("ＡＰＩトークン", "API tokens")) }
        }
    };
    Ok(Sheet::new(w("自分のアカウント", "Your account"), body).show(&visit))
}

/// What is told at a field; everything else is a page of its own.
fn told(error: AccountError) -> Result<Faults, Refused> {
    let field = match &error {
        AccountError::Access(AccessError::WrongCode | AccessError::CodeNeeded(_)) => "code",
        AccountError::Access(AccessError::Wrong) => {
            let words = w(
                "今のパスワードが正しくありません。誤りが5回続くと15分以上ロックされます。",
                "Your present password is wrong. After five wrong ones in a row it is locked for 15 minutes or more.",
            );
            return Ok(Faults::one("password", words));
        }
        AccountError::Access(AccessError::Locked { .. }) => "password",
        AccountError::Password(_) => "new",
        AccountError::ShortAlone(_) => "password",
        _ => return Err(error.into()),
    };
    let words = match error {
        AccountError::Access(error) => access_words(&error),
        other => Refused::from(other).into_words(),
    };
    Ok(Faults::one(field, words))
}

fn password_title() -> Words {
    w("パスワードの変更", "Change the password")
}

fn password_form(visit: &Visit, row: &AccountRow, faults: &Faults) -> Markup {
    let inside = html! {
        (proof(visit, row.has_second_factor(), faults))
        (Line::password("new", w("新しいパスワード", "New password"), "new-password").hint(password_hint()).show(visit, faults))
        (Line::password("again", w("新しいパスワード（確認）", "New password, once more"), "new-password").show(visit, faults))
        (form::button("main", visit.t("変更する", "Change it")))
    };
    html! {
        @if row.must_change {
            p class="warning" {
                (visit.t(
                    "今のパスワードはほかの人が決めたものです。先に進む前に、自分だけが知るパスワードに変更してください。",
                    "Your password was chosen by somebody else. Change it to one that only you know before you go on.",
                ))
            }
        }
        (faults.summary(visit))
        (form::form(visit, "/console/own/password", &inside))
        p class="hint" { (visit.t("変更すると、ほかの端末のサインインは終わります。", "Your sessions in other browsers end.")) }
    }
}

/// `GET /console/own/password`.
pub(super) async fn password_page(axum::Extension(visit): At) -> Result<Response, Refused> {
    let row = own_row(&visit).await?;
    Ok(Sheet::new(password_title(), password_form(&visit, &row, &Faults::default())).show(&visit))
}

/// `POST /console/own/password`.
pub(super) async fn change_password(
    State(shared): State<Shared>,
    axum::Extension(visit): At,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let row = own_row(&visit).await?;
    let again =
        |faults: Faults| Sheet::faulty(password_title(), password_form(&visit, &row, &faults)).show(&visit);
    let new = fields.password("new");
    if new.expose_secret() != fields.password("again").expose_secret() {
        return Ok(again(Faults::one("again", twice_fault())));
    }
    let (password, code) = (fields.password("password"), code_of(&fields));
    let own = Own { account: &row.account, password: &password, code: code.as_deref() };
    let catalog = &visit.desk.catalog;
    match accounts::change_password(&shared.home, catalog, &own, &new, visit.now).await {
        Ok(()) => {}
        Err(error) => return Ok(again(told(error)?)),
    }
    // All sessions have ended with the old password; this browser goes on in a new one.
    let secret = sessions::begin_proved(catalog, &row.account, visit.secret.as_deref(), visit.now).await?;
    Ok(go_on(&visit, &secret, if row.must_change { "/console" } else { "/console/own" }))
}

fn factor_title() -> Words {
    w("二要素認証の設定", "Your second factor")
}

fn start_form(visit: &Visit, faults: &Faults) -> Markup {
    let inside = html! {
        (proof(visit, false, faults))
        (form::button("main", visit.t("設定を始める", "Begin")))
    };
    html! {
        p {
            (visit.t(
                "スマートフォンの認証アプリを使います。パスワードが漏れても、ほかの人はサインインできません。",
                "It needs an authenticator on your phone. Whoever learns your password still cannot sign in.",
            ))
        }
        (faults.summary(visit))
        (form::form(visit, "/console/own/factor", &inside))
    }
}

fn confirm_form(visit: &Visit, factor: &NewFactor, faults: &Faults) -> Markup {
    let inside = html! {
        (proof(visit, true, faults))
        (form::button("main", visit.t("有効にする", "Make it count")))
    };
    html! {
        (faults.summary(visit))
        ol {
            li { (visit.t("認証アプリでこの図を読み取ってください。", "Read this picture with your authenticator.")) }
            li { (visit.t("表示された6桁の数字を、下の「確認コード」に入力してください。", "Enter the six digits that it shows below.")) }
        }
        (qr(&factor.address, visit.t("認証アプリ用のＱＲコード", "QR code for your authenticator")))
        p { (visit.t("読み取れないときは、この文字を入力してください：", "If it cannot be read, type this: ")) code { (factor.secret) } }
        (form::form(visit, "/console/own/factor/confirm", &inside))
    }
}

fn remove_form(visit: &Visit, faults: &Faults) -> Markup {
    let inside = html! {
        (proof(visit, true, faults))
        (form::button("danger", visit.t("二要素認証を外す", "Remove it")))
    };
    html! {
        (faults.summary(visit))
        p { (visit.t("二要素認証は有効です。", "Your second factor counts.")) }
        h2 { (visit.t("外す", "Remove it")) }
        p { (visit.t("端末を替えるときは、外してから、新しい端末で設定し直してください。", "To use another phone, remove it and set it up again.")) }
        (form::form(visit, "/console/own/factor/remove", &inside))
    }
}

async fn factor_body(visit: &Visit, shared: &Shared, faults: &Faults) -> Result<Markup, Refused> {
    let row = own_row(visit).await?;
    if row.has_second_factor() {
        return Ok(remove_form(visit, faults));
    }
    match accounts::waiting_factor(&shared.home, &visit.desk.catalog, &row.account).await? {
        Some(factor) => Ok(confirm_form(visit, &factor, faults)),
        None => Ok(start_form(visit, faults)),
    }
}

async fn faulty(visit: &Visit, shared: &Shared, error: AccountError) -> Result<Response, Refused> {
    let body = factor_body(visit, shared, &told(error)?).await?;
    Ok(Sheet::faulty(factor_title(), body).show(visit))
}

/// `GET /console/own/factor`.
pub(super) async fn factor_page(
    State(shared): State<Shared>,
    axum::Extension(visit): At,
) -> Result<Response, Refused> {
    let body = factor_body(&visit, &shared, &Faults::default()).await?;
    Ok(Sheet::new(factor_title(), body).show(&visit))
}

/// `POST /console/own/factor`.
pub(super) async fn new_factor(
    State(shared): State<Shared>,
    axum::Extension(visit): At,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let (account, password) = (visit.account()?, fields.password("password"));
    let own = Own { account, password: &password, code: None };
    match accounts::new_factor(&shared.home, &visit.desk.catalog, &own, visit.now).await {
        Ok(_) => Ok(Redirect::to("/console/own/factor").into_response()),
        Err(error) => faulty(&visit, &shared, error).await,
    }
}

/// The secrets of a form that changes the second factor.
fn given(fields: &Fields) -> (secrecy::SecretString, Option<String>) {
    (fields.password("password"), code_of(fields))
}

/// `POST /console/own/factor/confirm`.
pub(super) async fn confirm_factor(
    State(shared): State<Shared>,
    axum::Extension(visit): At,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let (password, code) = given(&fields);
    let (account, catalog) = (visit.account()?, &visit.desk.catalog);
    let own = Own { account, password: &password, code: code.as_deref() };
    let codes = match accounts::confirm_factor(&shared.home, catalog, &own, visit.now).await {
        Ok(codes) => codes,
        Err(error) => return faulty(&visit, &shared, error).await,
    };
    let body = html! {
        p class="warning" {
            (visit.t(
                "この回復コードは今しか表示されません。印刷するか書き写して、かぎのかかる場所に保管してください。",
                "These recovery codes are shown only now. Print or copy them, and lock them away.",
            ))
        }
        p { (visit.t("認証アプリが使えないとき、確認コードの代わりに使えます。1つは1回だけです。", "Each stands in for a code once, when your authenticator is not at hand.")) }
        ul class="codes" { @for code in &codes { li { code { (code) } } } }
        p { (account) " — " (visit.lang.moment(visit.now)) }
        p class="unprinted" { a class="button main" href="/console" { (visit.t("保管したので先へ進む", "They are kept: go on")) } }
    };
    // The sessions that began without the second factor have ended; this browser goes on in a new one.
    let secret = sessions::begin_proved(catalog, account, visit.secret.as_deref(), visit.now).await?;
    let cookie = crate::web::session::keep(&secret, visit.is_secure);
    let mut response =
        Sheet::new(w("二要素認証を有効にしました", "Your second factor counts now"), body).show(&visit);
    response.headers_mut().append(axum::http::header::SET_COOKIE, cookie);
    Ok(response)
}

/// `POST /console/own/factor/remove`.
pub(super) async fn remove_factor(
    State(shared): State<Shared>,
    axum::Extension(visit): At,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let (password, code) = given(&fields);
    let (account, catalog) = (visit.account()?, &visit.desk.catalog);
    let own = Own { account, password: &password, code: code.as_deref() };
    match accounts::remove_factor(&shared.home, catalog, &own, visit.now).await {
        Ok(()) => {}
        Err(error) => return faulty(&visit, &shared, error).await,
    }
    let secret = sessions::begin_proved(catalog, account, visit.secret.as_deref(), visit.now).await?;
    Ok(go_on(&visit, &secret, "/console/own/factor"))
}
