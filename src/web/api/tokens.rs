//! `/api/v1/tokens`: making a token needs the password again, so that a stolen one cannot prolong itself.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::account::AccountId;
use crate::domain::role::Act;
use crate::domain::window::is_one_line;
use crate::web::Shared;
use crate::web::access::{Caller, KeptInstead};
use crate::web::problem::Problem;
use crate::workflows::lists::{self, ListPlace, TokenRow};
use crate::workflows::sign_in::{Proof, sign_in};
use crate::workflows::tokens::{self, NewToken};

use super::extract::{Asked, Named, Sent, secret};
use super::page::{Listing, PageQuery, Wanted};

/// The longest label, characters.
const LABEL_CHARACTERS_MAX: usize = 100;

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub(super) enum Scope {
    #[serde(rename = "read")]
    Read,
    #[serde(rename = "notice.read")]
    ReadNotices,
    #[serde(rename = "audit")]
    ReadAudit,
    #[serde(rename = "window.request")]
    RequestWindow,
    #[serde(rename = "window.decide")]
    DecideWindow,
    #[serde(rename = "break-glass")]
    BreakGlass,
    #[serde(rename = "snapshot")]
    TakeSnapshot,
    #[serde(rename = "service.confirm")]
    ConfirmService,
    #[serde(rename = "notice.edit")]
    EditNotice,
    #[serde(rename = "account.manage")]
    ManageAccounts,
    #[serde(rename = "deletion.approve")]
    ApproveDeletion,
    #[serde(rename = "deletion.confirm")]
    ConfirmDeletion,
    #[serde(rename = "deletion.standing")]
    StandingDeletion,
    #[serde(rename = "deletion.run")]
    RunDeletion,
    #[serde(rename = "hold")]
    ManageHolds,
    #[serde(rename = "erasure")]
    OrderErasures,
    #[serde(rename = "permit.read")]
    ReadPermits,
    #[serde(rename = "permit.apply")]
    ApplyPermit,
    #[serde(rename = "permit.decide")]
    DecidePermit,
    #[serde(rename = "permit.execute")]
    ExecutePermit,
    #[serde(rename = "permit.close")]
    ClosePermit,
    #[serde(rename = "incident")]
    ManageIncidents,
    #[serde(rename = "record")]
    KeepRecords,
}

impl Scope {
    const fn act(self) -> Act {
        match self {
            Self::Read => Act::Read,
            Self::ReadNotices => Act::ReadNotices,
            Self::ReadAudit => Act::ReadAudit,
            Self::RequestWindow => Act::RequestWindow,
            Self::DecideWindow => Act::DecideWindow,
            Self::BreakGlass => Act::BreakGlass,
            Self::TakeSnapshot => Act::TakeSnapshot,
            Self::ConfirmService => Act::ConfirmService,
            Self::EditNotice => Act::EditNotice,
            Self::ManageAccounts => Act::ManageAccounts,
            Self::ApproveDeletion => Act::ApproveDeletion,
            Self::ConfirmDeletion => Act::ConfirmDeletion,
            Self::StandingDeletion => Act::StandingDeletion,
            Self::RunDeletion => Act::RunDeletion,
            Self::ManageHolds => Act::ManageHolds,
            Self::OrderErasures => Act::OrderErasures,
            Self::ReadPermits => Act::ReadPermits,
            Self::ApplyPermit => Act::ApplyPermit,
            Self::DecidePermit => Act::DecidePermit,
            Self::ExecutePermit => Act::ExecutePermit,
            Self::ClosePermit => Act::ClosePermit,
            Self::ManageIncidents => Act::ManageIncidents,
            Self::KeepRecords => Act::KeepRecords,
        }
    }

    const fn of(act: Act) -> Self {
        match act {
            Act::Read => Self::Read,
            Act::ReadNotices => Self::ReadNotices,
            Act::ReadAudit => Self::ReadAudit,
            Act::RequestWindow => Self::RequestWindow,
            Act::DecideWindow => Self::DecideWindow,
            Act::BreakGlass => Self::BreakGlass,
            Act::TakeSnapshot => Self::TakeSnapshot,
            Act::ConfirmService => Self::ConfirmService,
            Act::EditNotice => Self::EditNotice,
            Act::ManageAccounts => Self::ManageAccounts,
            Act::ApproveDeletion => Self::ApproveDeletion,
            Act::ConfirmDeletion => Self::ConfirmDeletion,
            Act::StandingDeletion => Self::StandingDeletion,
            Act::RunDeletion => Self::RunDeletion,
            Act::ManageHolds => Self::ManageHolds,
            Act::OrderErasures => Self::OrderErasures,
            Act::ReadPermits => Self::ReadPermits,
            Act::ApplyPermit => Self::ApplyPermit,
            Act::DecidePermit => Self::DecidePermit,
            Act::ExecutePermit => Self::ExecutePermit,
            Act::ClosePermit => Self::ClosePermit,
            Act::ManageIncidents => Self::ManageIncidents,
            Act::KeepRecords => Self::KeepRecords,
        }
    }
}

/// A token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenShown {
    /// Its id, 16 hexadecimal digits.
    id: String,
    account: String,
    scopes: Vec<Scope>,
    /// What it is for.
    label: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
}

/// A token that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenRequest {
    /// The password of the account whose token asks.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    #[serde(deserialize_with = "secret")]
    password: SecretString,
    /// The one-time code, if the account has a second factor.
    #[schema(max_length = 64)]
    code: Option<String>,
    /// For another account: one of the role portal, by who manages accounts.
    account: Option<String>,
    /// What it may be used for; empty: all that the account may do.
    #[serde(default)]
    #[schema(required = false, max_items = 9)]
    scopes: Vec<Scope>,
    /// How many days it lasts; 90 unless it is given.
    #[schema(minimum = 1, maximum = 366)]
    days: Option<u32>,
    /// What it is for: one line.
    #[schema(min_length = 1, max_length = 100)]
    label: String,
}

/// A token that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenMade {
    /// The token. Shown this once and not kept: null when the same request is answered again.
    secret: Option<String>,
    #[serde(flatten)]
    token: TokenShown,
}

fn shown(row: &TokenRow) -> TokenShown {
    TokenShown {
        id: row.token.clone(),
        account: row.account.to_string(),
        scopes: row.scopes.iter().map(|act| Scope::of(*act)).collect(),
        label: row.label.clone(),
        created_at: row.created_at.to_string(),
        expires_at: row.expires_at.to_string(),
        revoked_at: row.revoked_at.map(|at| at.to_string()),
    }
}

#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "tokens", operation_id = "listTokens",
    summary = "List tokens, newest first / トークンの一覧（新しい順）",
    description = "One's own; all of them for those who manage accounts or read the audit log.",
    params(PageQuery),
    responses((status = 200, description = "A page of tokens", body = Listing<TokenShown>)),
    security(("token" = []))
)]
pub(super) async fn list(caller: Caller, Asked(query, uri): Asked<PageQuery>) -> Result<Response, Problem> {
    let wanted = Wanted::read("tokens", (query.limit, query.cursor.as_deref()), ListPlace::newest())?;
    let page = lists::tokens(&caller.desk(), &caller.actor, &wanted.after, wanted.limit).await?;
    Ok(wanted.answer(page, &uri, shown))
}

#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "tokens", operation_id = "makeToken",
    summary = "Make a token / トークンを作成する",
    description = "Needs the password (and code) of the account besides its token. The first token of an account is \
                   made with `kura token new` or on the console.",
    request_body = TokenRequest,
    responses((status = 201, description = "The token", body = TokenMade)),
    security(("token" = []))
)]
pub(super) async fn make(
    State(shared): State<Shared>,
    caller: Caller,
    Sent(body): Sent<TokenRequest>,
) -> Result<Response, Problem> {
    let now = shared.clock.now();
    if !is_one_line(&body.label, LABEL_CHARACTERS_MAX) {
        return Err(Problem::refused(
            format!("label is one line of 1 to {LABEL_CHARACTERS_MAX} characters"),
            format!("用途（label）は1行、1～{LABEL_CHARACTERS_MAX}文字で指定してください。"),
        ));
    }
    let account = body.account.map(|account| account.parse::<AccountId>()).transpose()?;
    let proof =
        Proof::Password { account: caller.actor.account.clone(), password: body.password, code: body.code };
    // Signing in is no effect of the request: it is not marked with its key.
    let by = sign_in(&shared.home, &shared.desk()?.catalog, &proof, now).await?;
    let scopes: BTreeSet<Act> = body.scopes.into_iter().map(Scope::act).collect();
    let days = body.days.unwrap_or(tokens::DAYS);
    let new = NewToken { account, scopes, days, label: body.label };
    let made = tokens::make(&caller.desk().catalog, new, &by, now).await?;
    let without = TokenMade { secret: None, token: shown(&made.row) };
    let kept = serde_json::to_string(&without).map_err(|error| Problem::logged(&error))?;
    let with = TokenMade { secret: Some(made.text.to_string()), ..without };
    let mut response = (StatusCode::CREATED, Json(with)).into_response();
    response.extensions_mut().insert(KeptInstead(kept));
    Ok(response)
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Revoked {
    /// The token.
    id: String,
    /// Always true.
    is_revoked: bool,
}

#[utoipa::path(
    post, path = "/api/v1/tokens/{token}/revoke", tag = "tokens", operation_id = "revokeToken",
    summary = "Revoke a token / トークンを取り消す",
    description = "One's own, or any for those who manage accounts.",
    params(("token" = String, Path, description = "Its id, 16 hexadecimal digits")),
    responses((status = 200, description = "It is revoked", body = Revoked)),
    security(("token" = []))
)]
pub(super) async fn revoke(
    State(shared): State<Shared>,
    caller: Caller,
    Named(id): Named,
) -> Result<Json<Revoked>, Problem> {
    let desk = caller.desk();
    tokens::revoke(&desk.catalog, &id, &caller.actor, shared.clock.now()).await?;
    Ok(Json(Revoked { id, is_revoked: true }))
}
