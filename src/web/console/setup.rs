//! The page for the first account, behind a link that counts once and for an hour.

use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::accounts::password_hint;
use super::form::{self, Faults, Line};
use super::layout::Sheet;
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::words::{Words, w};
use crate::domain::account::AccountId;
use crate::domain::role::{Act, Role, may};
use crate::web::Shared;
use crate::workflows::accounts::{self, AccountError, By, NewAccount};

/// `?key=`.
#[derive(Debug, Deserialize)]
pub(super) struct Key {
    key: Option<String>,
}

fn title() -> Words {
    w("初期設定：最初のアカウント", "Set-up: the first account")
}

fn render(visit: &Visit, key: &str, (account, role): (&str, &str), faults: &Faults) -> Markup {
    let roles = Role::ALL.into_iter().filter(|role| may(*role, Act::ManageAccounts));
    let roles: Vec<(String, String)> =
        roles.map(|role| (role.word().to_owned(), visit.lang.role(role).to_owned())).collect();
    let inside = html! {
        (form::hidden("key", key))
        (Line::text("account", w("ユーザーＩＤ", "User ID"), account).autocomplete("username")
            .hint(w("10桁以上の英数字（別紙1）。1人に1つです。", "Ten letters and digits or more (別紙1); one for each person."))
            .show(visit, faults))
        (form::choice(visit, ("role", &w("役割", "Role")), &roles, role, faults))
        (Line::password("password", w("パスワード", "Password"), "new-password").hint(password_hint()).show(visit, faults))
        (Line::password("again", w("パスワード（確認）", "Password, once more"), "new-password").show(visit, faults))
        (form::button("main", visit.t("アカウントを作成", "Make the account")))
    };
    html! {
        p {
            (visit.t(
                "この設備の最初のアカウントを作成します。ほかの人のアカウントは、このアカウントで作成します。",
                "This makes the first account of this installation. The others are made with it.",
            ))
        }
        (faults.summary(visit))
        (form::form(visit, "/console/setup", &inside))
    }
}

/// `GET /console/setup`.
pub(super) async fn page(
    State(shared): State<Shared>,
    axum::Extension(visit): At,
    Query(key): Query<Key>,
) -> Result<Response, Refused> {
    let key = key.key.unwrap_or_default();
    if !shared.console.is_set_up_open(&key, visit.now) {
        return Err(Refused::no_set_up());
    }
    Ok(Sheet::new(title(), render(&visit, &key, ("", ""), &Faults::default())).show(&visit))
}

/// `POST /console/setup`.
pub(super) async fn make(
    State(shared): State<Shared>,
    axum::Extension(visit): At,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    shared.console.throttle.take(visit.peer).map_err(Refused::throttled)?;
    let key = fields.plain("key");
    if !shared.console.is_set_up_open(&key, visit.now) {
        return Err(Refused::no_set_up());
    }
    let (id, role_word) = (fields.plain("account"), fields.plain("role"));
    let again = |faults: Faults| {
        Ok(Sheet::faulty(title(), render(&visit, &key, (&id, &role_word), &faults)).show(&visit))
    };
    let mut faults = Faults::default();
    let account: Option<AccountId> = id.parse().ok();
    if account.is_none() {
        faults.add("account", id_fault());
    }
    let role = Role::of_word(&role_word);
    if role.is_none() {
        faults.add("role", w("役割を選んでください。", "Choose a role."));
    }
    let password = fields.password("password");
    if password.expose_secret() != fields.password("again").expose_secret() {
        faults.add("again", twice_fault());
    }
    let (Some(account), Some(role), true) = (account, role, faults.is_empty()) else { return again(faults) };
    let new = NewAccount { account, role, password };
    match accounts::add(&visit.desk.catalog, &new, &By::Host("set-up link".to_owned()), visit.now).await {
        Ok(()) => {}
        Err(error @ AccountError::Password(_)) => {
            return again(Faults::one("password", Refused::from(error).into_words()));
        }
        Err(error @ AccountError::FirstRole(_)) => {
            return again(Faults::one("role", Refused::from(error).into_words()));
        }
        Err(error) => return Err(error.into()),
    }
    shared.console.close_set_up();
    let body = html! {
        p class="lead" { (visit.t("アカウントを作成しました：", "The account was made: ")) strong { (new.account) } }
        p {
            (visit.t(
                "次に、サインインして二要素認証を設定し、ほかの人のアカウントを追加してください。",
                "Next, sign in, set up your second factor, and add the accounts of the others.",
            ))
        }
        p { a class="button main" href="/console/login" { (visit.t("サインインへ進む", "Sign in")) } }
    };
    Ok(Sheet::new(w("最初のアカウントを作成しました", "The first account was made"), body).show(&visit))
}

/// What is wrong with an id.
pub(super) fn id_fault() -> Words {
    w(
        "ユーザーＩＤは10桁以上64桁以内の英数字にしてください（別紙1）。",
        "A user ID has 10 to 64 letters and digits (別紙1).",
    )
}

/// What is wrong if two passwords differ.
pub(super) fn twice_fault() -> Words {
    w("2つのパスワードが一致しません。", "The two passwords differ.")
}
