//! `/api/v1/accounts` and `/api/v1/me`: who may use Kura, and who asks.

use std::borrow::Cow;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::account::AccountId;
use crate::domain::role::{Act, Role, may};
use crate::domain::window::{REASON_CHARACTERS_MAX, is_one_line};
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::Problem;
use crate::workflows::accounts::{self, By, NewAccount};
use crate::workflows::desk::DeskError;
use crate::workflows::lists::{self, AccountRow, ListPlace};

use super::extract::{Asked, Headers, Named, Sent, secret};
use super::page::{Listing, PageQuery, Wanted};
use super::version;
use super::windows::Reason;

/// A role of the security policy, by its word.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoleWord(Role);

impl Serialize for RoleWord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

impl<'de> Deserialize<'de> for RoleWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Role::of_word(&word).map(Self).ok_or_else(|| D::Error::custom(format!("{word} is no role")))
    }
}

impl PartialSchema for RoleWord {
    fn schema() -> RefOr<Schema> {
        let words =
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Role::ALL.map(Role::word)));
        words.description(Some("A role of the security policy.")).into()
    }
}

impl ToSchema for RoleWord {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Roles")
    }
}

/// An account, without what proves who it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccountShown {
    #[schema(example = "tanaka0001")]
    account: String,
    role: RoleWord,
    is_disabled: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    disabled_at: Option<String>,
    #[schema(format = DateTime)]
    password_changed_at: String,
    /// Whether its password was chosen by somebody else.
    must_change_password: bool,
    has_second_factor: bool,
}

/// A new account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountRequest {
    /// 10 to 64 letters and digits (別紙1); never given twice.
    #[schema(pattern = "^[A-Za-z0-9]{10,64}$")]
    account: String,
    role: RoleWord,
    /// Its first password, which its holder must change before anything else.
    #[schema(value_type = String, format = Password, min_length = 13, max_length = 128)]
    #[serde(deserialize_with = "secret")]
    password: SecretString,
}

/// A new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordRequest {
    /// Its holder must change it before anything else.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    #[serde(deserialize_with = "secret")]
    password: SecretString,
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    account: String,
    role: RoleWord,
    /// The role's name in the security policy.
    role_ja: String,
    /// What this token may be used for.
    scopes: Vec<String>,
}

fn shown(row: &AccountRow) -> AccountShown {
    AccountShown {
        account: row.account.to_string(),
        role: RoleWord(row.role),
        is_disabled: row.disabled_at.is_some(),
        created_at: row.created_at.to_string(),
        disabled_at: row.disabled_at.map(|at| at.to_string()),
        password_changed_at: row.password_changed_at.to_string(),
        must_change_password: row.must_change,
        has_second_factor: row.has_second_factor(),
    }
}

/// The answer with an account as it is now.
async fn answer(caller: &Caller, id: &AccountId, status: StatusCode) -> Result<Response, Problem> {
    let row = lists::account(&caller.desk(), &caller.actor, id).await?;
    let response = (status, Json(shown(&row))).into_response();
    Ok(version::tagged(response, &accounts::version(&row)))
}

/// Refuses a change of an account that is not as it was seen, if something was said about that.
async fn check_seen(caller: &Caller, id: &AccountId, headers: &axum::http::HeaderMap) -> Result<(), Problem> {
    if version::seen(headers).is_none() {
        return Ok(());
    }
    let row = lists::account(&caller.desk(), &caller.actor, id).await?;
    version::check(headers, &accounts::version(&row))
}

#[utoipa::path(
    get, path = "/api/v1/me", tag = "accounts", operation_id = "whoAmI",
    summary = "Who asks, and what this token may be used for / 自分のアカウントと権限",
    responses((status = 200, description = "Who asks", body = Me)),
    security(("token" = []))
)]
pub(super) async fn me(caller: Caller) -> Json<Me> {
    let actor = &caller.actor;
    let has = |act: &Act| may(actor.role, *act) && actor.check(*act).is_ok();
    Json(Me {
        account: actor.account.to_string(),
        role: RoleWord(actor.role),
        role_ja: actor.role.japanese().to_owned(),
        scopes: Act::ALL.into_iter().filter(has).map(|act| act.word().to_owned()).collect(),
    })
}

#[utoipa::path(
    get, path = "/api/v1/accounts", tag = "accounts", operation_id = "listAccounts",
    summary = "List accounts by id / アカウントの一覧",
    description = "For those who manage accounts, and those who read the audit log.",
    params(PageQuery),
    responses((status = 200, description = "A page of accounts", body = Listing<AccountShown>)),
    security(("token" = ["account.manage"]), ("token" = ["audit"]))
)]
pub(super) async fn list(caller: Caller, Asked(query, uri): Asked<PageQuery>) -> Result<Response, Problem> {
    let wanted = Wanted::read("accounts", (query.limit, query.cursor.as_deref()), ListPlace::oldest())?;
    let page = lists::accounts(&caller.desk(), &caller.actor, &wanted.after, wanted.limit).await?;
    Ok(wanted.answer(page, &uri, shown))
}

#[utoipa::path(
    get, path = "/api/v1/accounts/{account}", tag = "accounts", operation_id = "getAccount",
    summary = "An account / アカウント",
    params(("account" = String, Path, description = "Its id", example = "tanaka0001")),
    responses((status = 200, description = "The account", body = AccountShown,
        headers(("ETag" = String, description = "Its version")))),
    security(("token" = ["account.manage"]), ("token" = ["audit"]))
)]
pub(super) async fn get(caller: Caller, named: Named) -> Result<Response, Problem> {
    answer(&caller, &named.account()?, StatusCode::OK).await
}

#[utoipa::path(
    post, path = "/api/v1/accounts", tag = "accounts", operation_id = "addAccount",
    summary = "Add an account / アカウントを追加する",
    request_body = AccountRequest,
    responses((status = 201, description = "The account", body = AccountShown, headers(
        ("Location" = String, description = "Its address"), ("ETag" = String, description = "Its version")))),
    security(("token" = ["account.manage"]))
)]
pub(super) async fn add(
    State(shared): State<Shared>,
    caller: Caller,
    Sent(body): Sent<AccountRequest>,
) -> Result<Response, Problem> {
    caller.actor.check(Act::ManageAccounts).map_err(|denied| Problem::denied(&denied))?;
    let account: AccountId = body.account.parse()?;
    let new = NewAccount { account: account.clone(), role: body.role.0, password: body.password };
    let by = By::Account(caller.actor.clone());
    accounts::add(&caller.desk().catalog, &new, &by, shared.clock.now()).await?;
    let mut response = answer(&caller, &account, StatusCode::CREATED).await?;
    if let Ok(location) = HeaderValue::try_from(format!("/api/v1/accounts/{account}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

#[utoipa::path(
    post, path = "/api/v1/accounts/{account}/disable", tag = "accounts", operation_id = "disableAccount",
    summary = "Disable an account for ever and revoke its tokens / アカウントを削除（無効化）する",
    params(("account" = String, Path, description = "Its id"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the account that was looked at; not required")),
    request_body = Reason,
    responses((status = 200, description = "The account", body = AccountShown,
        headers(("ETag" = String, description = "Its new version")))),
    security(("token" = ["account.manage"]))
)]
pub(super) async fn disable(
    State(shared): State<Shared>,
    caller: Caller,
    named: Named,
    Headers(headers): Headers,
    Sent(body): Sent<Reason>,
) -> Result<Response, Problem> {
    let (account, now) = (named.account()?, shared.clock.now());
    caller.actor.check(Act::ManageAccounts).map_err(|denied| Problem::denied(&denied))?;
    check_seen(&caller, &account, &headers).await?;
    if !is_one_line(&body.reason, REASON_CHARACTERS_MAX) {
        return Err(DeskError::Reason(REASON_CHARACTERS_MAX).into());
    }
    let desk = caller.desk();
    accounts::disable(&desk.catalog, &account, &body.reason, &caller.actor, now).await?;
    answer(&caller, &account, StatusCode::OK).await
}

#[utoipa::path(
    post, path = "/api/v1/accounts/{account}/password", tag = "accounts", operation_id = "resetPassword",
    summary = "Set a new first password / 初期パスワードを再設定する",
    description = "For somebody who forgot his; it must be changed before anything else. One's own password is changed \
                   on the console or with `kura account password`, because the old one is needed for that.",
    params(("account" = String, Path, description = "Its id"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the account that was looked at; not required")),
    request_body = PasswordRequest,
    responses((status = 200, description = "The account", body = AccountShown,
        headers(("ETag" = String, description = "Its new version")))),
    security(("token" = ["account.manage"]))
)]
pub(super) async fn reset_password(
    State(shared): State<Shared>,
    caller: Caller,
    named: Named,
    Headers(headers): Headers,
    Sent(body): Sent<PasswordRequest>,
) -> Result<Response, Problem> {
    let (account, now) = (named.account()?, shared.clock.now());
    caller.actor.check(Act::ManageAccounts).map_err(|denied| Problem::denied(&denied))?;
    check_seen(&caller, &account, &headers).await?;
    let desk = caller.desk();
    accounts::reset_password(&desk.catalog, &account, &body.password, &caller.actor, now).await?;
    answer(&caller, &account, StatusCode::OK).await
}
