//! Accounts of others: the list, adding, disabling, a new first password.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use secrecy::ExposeSecret as _;

use super::form::{self, Faults, Fields, Line};
use super::layout::{Sheet, badge};
use super::printed::Printing;
use super::refused::Refused;
use super::setup::{id_fault, twice_fault};
use super::visit::{At, Sent, Visit};
use super::words::{Words, w};
use crate::domain::account::{AccountId, locked_until};
use crate::domain::role::{Role, may_manage};
use crate::domain::window::{REASON_CHARACTERS_MAX, is_one_line};
use crate::print;
use crate::workflows::accounts::{self, AccountError, By, NewAccount};
use crate::workflows::desk::tokyo;
use crate::workflows::inventory;
use crate::workflows::look::{self, AccountRow};

/// What a password must be.
pub(super) fn password_hint() -> Words {
    w(
        "英字・数字・記号をそれぞれ1つ以上使い、13桁以上（二要素認証の設定後は8桁以上）にしてください（別紙1）。",
        "At least one letter, digit and symbol; 13 characters or more (8 with a second factor) (別紙1).",
    )
}

/// The roles that this visitor may give.
fn roles(visit: &Visit, rows: &[AccountRow]) -> Result<Vec<(String, String)>, Refused> {
    let by = visit.actor()?.role;
    let has_operator = rows.iter().any(|row| row.role == Role::ServiceOperator && row.disabled_at.is_none());
    let roles = Role::ALL.into_iter().filter(|role| may_manage(by, *role, has_operator));
    Ok(roles.map(|role| (role.word().to_owned(), visit.lang.role(role).to_owned())).collect())
}

/// `GET /console/accounts`.
pub(super) async fn list(axum::Extension(visit): At) -> Result<Response, Refused> {
    let rows = look::accounts(&visit.desk.catalog).await?;
    let given = roles(&visit, &rows)?;
    let manages =
        |row: &AccountRow| row.disabled_at.is_none() && given.iter().any(|(word, _)| word == row.role.word());
    let body = html! {
        p { a class="button main" href="/console/accounts/new" { (visit.t("アカウントを追加する", "Add an account")) } }
        p { a class="button plain" href="/console/role-holders" { (visit.t("管理体制の届出書（第3条③）を印刷する", "Print who holds which role (第3条③)")) } }
        div class="scroll" tabindex="0" role="region" aria-label=(visit.t("アカウント", "Accounts")) {
            table {
                thead { tr {
                    th scope="col" { (visit.t("ユーザーＩＤ", "User ID")) }
                    th scope="col" { (visit.t("役割", "Role")) }
                    th scope="col" { (visit.t("状態", "State")) }
                    th scope="col" { (visit.t("二要素認証", "Second factor")) }
                    th scope="col" { (visit.t("操作", "Acts")) }
                } }
                tbody {
                    @for row in &rows {
                        tr {
                            th scope="row" { (row.account) }
                            td { (visit.lang.role(row.role)) }
                            td { (state(&visit, row)) }
                            td {
                                @if row.has_second_factor() { (badge("good", visit.t("✓ あり", "✓ yes"))) }
                                @else { (badge("unknown", visit.t("なし", "no"))) }
                            }
                            td {
                                @if manages(row) {
                                    a href={ "/console/accounts/" (row.account) "/password" } { (visit.t("再設定", "Reset")) }
                                    " "
                                    a href={ "/console/accounts/" (row.account) "/disable" } { (visit.t("無効化", "Disable")) }
                                } @else { "-" }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(Sheet::new(w("アカウント", "Accounts"), body).show(&visit))
}

fn state(visit: &Visit, row: &AccountRow) -> Markup {
    let locked = locked_until(row.failures, row.failed_at).filter(|until| visit.now < *until);
    html! {
        @if row.disabled_at.is_some() { (badge("unknown", visit.t("－ 無効", "- disabled"))) }
        @else if let Some(until) = locked {
            (badge("bad", visit.t("ロック中", "locked"))) " " (visit.lang.moment(until)) (visit.t("まで", " is the end"))
        }
        @else if row.must_change { (badge("plain", visit.t("初回変更待ち", "must change its password"))) }
        @else { (badge("good", visit.t("✓ 有効", "✓ active"))) }
    }
}

fn add_title() -> Words {
    w("アカウントの追加", "Add an account")
}

async fn add_form(visit: &Visit, fields: &Fields, faults: &Faults) -> Result<Markup, Refused> {
    let roles = roles(visit, &look::accounts(&visit.desk.catalog).await?)?;
    let first = w(
        "最初のパスワードです。本人が最初のサインインで変更します。本人に直接、安全な方法で渡してください。",
        "The first password; its owner must change it at the first sign-in. Hand it over safely.",
    );
    let inside = html! {
        (Line::text("account", w("ユーザーＩＤ", "User ID"), fields.raw("account"))
            .hint(w("10桁以上の英数字（別紙1）。1人に1つで、一度使ったＩＤは別の人に使えません。", "Ten letters and digits or more (別紙1); one for each person, never given twice."))
            .show(visit, faults))
        (form::choice(visit, ("role", &w("役割", "Role")), &roles, fields.raw("role"), faults))
        (Line::password("password", w("パスワード", "Password"), "new-password").hint(first).show(visit, faults))
        (Line::password("again", w("パスワード（確認）", "Password, once more"), "new-password").hint(password_hint()).show(visit, faults))
        (form::button("main", visit.t("追加する", "Add it")))
    };
    Ok(html! { (faults.summary(visit)) (form::form(visit, "/console/accounts/new", &inside)) })
}

/// `GET /console/accounts/new`.
pub(super) async fn page(axum::Extension(visit): At) -> Result<Response, Refused> {
    let body = add_form(&visit, &Fields::default(), &Faults::default()).await?;
    Ok(Sheet::new(add_title(), body).show(&visit))
}

/// `POST /console/accounts/new`.
pub(super) async fn add(axum::Extension(visit): At, Sent(fields): Sent) -> Result<Response, Refused> {
    let mut faults = Faults::default();
    let account: Option<AccountId> = fields.plain("account").parse().ok();
    if account.is_none() {
        faults.add("account", id_fault());
    }
    let role = Role::of_word(&fields.plain("role"));
    if role.is_none() {
        faults.add("role", w("役割を選んでください。", "Choose a role."));
    }
    let password = fields.password("password");
    if password.expose_secret() != fields.password("again").expose_secret() {
        faults.add("again", twice_fault());
    }
    if let (Some(account), Some(role), true) = (account, role, faults.is_empty()) {
        let new = NewAccount { account, role, password };
        let by = By::Account(visit.actor()?.clone());
        match accounts::add(&visit.desk.catalog, &new, &by, visit.now).await {
            Ok(()) => return Ok(Redirect::to("/console/accounts").into_response()),
            Err(error @ AccountError::Password(_)) => {
                faults.add("password", Refused::from(error).into_words());
            }
            Err(error @ AccountError::Taken(_)) => faults.add("account", Refused::from(error).into_words()),
            Err(error) => return Err(error.into()),
        }
    }
    let body = add_form(&visit, &fields, &faults).await?;
    Ok(Sheet::faulty(add_title(), body).show(&visit))
}

fn id_of(text: &str) -> Result<AccountId, Refused> {
    text.parse().map_err(|_| Refused::not_found())
}

async fn existing(visit: &Visit, id: &str) -> Result<AccountRow, Refused> {
    let found = look::account(&visit.desk.catalog, &id_of(id)?).await?;
    found.ok_or_else(Refused::not_found)
}

fn disable_page(visit: &Visit, row: &AccountRow, faults: &Faults) -> Response {
    let reason = w("理由", "Reason");
    let inside = html! {
        (form::area(visit, ("reason", &reason), None, "", (true, faults)))
        div class="buttons" {
            (form::button("danger", visit.t("無効にする", "Disable it")))
            a class="button plain" href="/console/accounts" { (visit.t("何もせずに戻る", "Go back")) }
        }
    };
    let body = html! {
        (faults.summary(visit))
        p class="lead" { strong { (row.account) } " — " (visit.lang.role(row.role)) }
        p {
            (visit.t(
                "無効にすると、サインイン中の画面とトークンもただちに使えなくなり、元に戻せません。",
                "Its sessions and tokens end at once, and it is never enabled again.",
            ))
        }
        (form::form(visit, &format!("/console/accounts/{}/disable", row.account), &inside))
    };
    let title = w("アカウントの無効化", "Disable an account");
    let sheet = if faults.is_empty() { Sheet::new(title, body) } else { Sheet::faulty(title, body) };
    sheet.show(visit)
}

/// `GET /console/accounts/{id}/disable`.
pub(super) async fn ask_disable(
    axum::Extension(visit): At,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    Ok(disable_page(&visit, &existing(&visit, &id).await?, &Faults::default()))
}

/// `POST /console/accounts/{id}/disable`.
pub(super) async fn disable(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let (row, reason) = (existing(&visit, &id).await?, fields.text("reason"));
    if !is_one_line(&reason, REASON_CHARACTERS_MAX) {
        let words = w("理由を1行で入力してください。", "Give a reason, on one line.");
        return Ok(disable_page(&visit, &row, &Faults::one("reason", words)));
    }
    accounts::disable(&visit.desk.catalog, &row.account, &reason, visit.actor()?, visit.now).await?;
    Ok(Redirect::to("/console/accounts").into_response())
}

fn reset_page(visit: &Visit, row: &AccountRow, faults: &Faults) -> Response {
    let inside = html! {
        (Line::password("password", w("新しい最初のパスワード", "New first password"), "new-password").hint(password_hint()).show(visit, faults))
        (Line::password("again", w("パスワード（確認）", "Password, once more"), "new-password").show(visit, faults))
        div class="buttons" {
            (form::button("main", visit.t("再設定する", "Set it")))
            a class="button plain" href="/console/accounts" { (visit.t("何もせずに戻る", "Go back")) }
        }
    };
    let body = html! {
        (faults.summary(visit))
        p class="lead" { strong { (row.account) } " — " (visit.lang.role(row.role)) }
        p { (visit.t("本人であることを確かめてから再設定してください。本人が次のサインインで変更します。", "Make sure who asks. Its owner must change it at the next sign-in.")) }
        (form::form(visit, &format!("/console/accounts/{}/password", row.account), &inside))
    };
    let title = w("パスワードの再設定", "Reset a password");
    let sheet = if faults.is_empty() { Sheet::new(title, body) } else { Sheet::faulty(title, body) };
    sheet.show(visit)
}

/// `GET /console/accounts/{id}/password`.
pub(super) async fn ask_reset(
    axum::Extension(visit): At,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    Ok(reset_page(&visit, &existing(&visit, &id).await?, &Faults::default()))
}

/// `POST /console/accounts/{id}/password`.
pub(super) async fn reset(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let row = existing(&visit, &id).await?;
    let new = fields.password("password");
    if new.expose_secret() != fields.password("again").expose_secret() {
        return Ok(reset_page(&visit, &row, &Faults::one("again", twice_fault())));
    }
    let done = accounts::reset_password(&visit.desk.catalog, &row.account, &new, visit.actor()?, visit.now);
    match done.await {
        Ok(()) => Ok(Redirect::to("/console/accounts").into_response()),
        Err(error @ AccountError::Password(_)) => {
            Ok(reset_page(&visit, &row, &Faults::one("password", Refused::from(error).into_words())))
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /console/role-holders`: 管理体制の届出 (第3条③), to print.
pub(super) async fn role_holders(
    axum::Extension(visit): At,
    printing: Printing,
) -> Result<Response, Refused> {
    visit.actor()?;
    let holders = inventory::role_holders(&visit.desk).await?;
    let between = &visit.desk.incidents;
    let parties = (between.addressee.as_str(), between.sender.as_str());
    printing.answer(print::role_holders::page(&holders, parties, tokyo().day_of(visit.now))).await
}
