//! The OpenAPI document: what the handlers say, and what holds for all of them added in one place.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::{Response as Answer, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, HeaderBuilder, OpenApi as Document, Ref, RefOr, Required};
use utoipa::{OpenApi, ToSchema};

use super::beside::Beside;

/// A problem (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody {
    /// Where this kind of problem is described.
    #[schema(example = "/api/docs#right-missing")]
    r#type: String,
    /// The kind of problem; never changes.
    #[schema(example = "right-missing")]
    code: String,
    /// The HTTP status.
    status: u16,
    title: String,
    title_ja: String,
    /// What happened, to what, and what to do.
    detail: String,
    detail_ja: String,
    /// The right that is missing: the name of a scope.
    #[schema(required = false, nullable = false)]
    right: Option<String>,
    /// When to ask again.
    #[schema(required = false, nullable = false)]
    retry_after_seconds: Option<u64>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Kura",
        description = "Backups that run when they were approved and announced, and never otherwise. docs/api.md says how \
                       to get a token, and how pages, Idempotency-Key and If-Match work.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT")
    ),
    components(schemas(ProblemBody)),
    tags(
        (name = "windows", description = "実施時間帯: when backups may run"),
        (name = "occurrences", description = "実施回: the dated starts of windows"),
        (name = "plans", description = "計画: what is protected"),
        (name = "runs", description = "実行・スナップショット: what was tried and what came of it"),
        (name = "services", description = "停止対象サービス: what windows stop"),
        (name = "incidents", description = "障害: what failed, and what was done about it"),
        (name = "works", description = "受入・維持管理記録: acceptance, maintenance, inspections"),
        (name = "deletions", description = "消去: what is past its time, who allows its deletion"),
        (name = "holds", description = "保全: what is kept although its time is over"),
        (name = "certificates", description = "消去証明書: what was deleted"),
        (name = "permits", description = "本番データ使用許可: who may use production data, for what"),
        (name = "watch", description = "状況: whether all is well, and what to look after"),
        (name = "notices", description = "お知らせ: what users are told"),
        (name = "accounts", description = "アカウント: who may use Kura"),
        (name = "tokens", description = "トークン: what programs show"),
        (name = "audit", description = "監査記録: everything that was decided"),
        (name = "public", description = "公開: what needs no token"),
    )
)]
struct Base;

/// What a guarded address may answer besides what its handler says.
const GUARDED: [&str; 5] = ["400", "401", "403", "429", "503"];
/// What an address with an id in it may answer.
const WITH_ID: [&str; 1] = ["404"];
/// Operations whose body names something that there may not be.
const WITH_ID_IN_BODY: [&str; 4] = ["requestWindow", "confirmService", "placeHold", "reviewAccessLog"];
/// What a request with an effect may answer.
const WITH_EFFECT: [&str; 4] = ["409", "413", "415", "422"];
/// Readings of the store that a hold which was lost or altered stops.
const STOPPED_BY_HOLDS: [&str; 2] = ["listDue", "listHolds"];
/// What a decision about a version may answer.
const WITH_VERSION: [&str; 2] = ["412", "428"];
/// What a public address of the API may answer.
const PUBLIC: [&str; 3] = ["400", "429", "503"];

/// The document as JSON.
pub(super) fn text(guarded: Document, public: Document) -> String {
    let mut document = Base::openapi();
    document.merge(guarded);
    document.merge(public);
    document.merge(Beside::openapi());
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token of Kura. A scope names the right that an address needs."))
        .build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(scheme));
    for (path, item) in &mut document.paths.paths {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            let is_guarded = operation
                .security
                .as_ref()
                .is_some_and(|all| serde_json::to_string(all).is_ok_and(|text| text.contains("token")));
            complete(path, operation, is_guarded);
        }
        if let Some(operation) = &mut item.post {
            operation.parameters.get_or_insert_default().push(RefOr::T(idempotency_key()));
        }
    }
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text + "\n"
}

fn idempotency_key() -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[!-~]{1,255}$"));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Makes the request safe to send again: it has one effect, and its answer is kept for a day",
        ))
        .schema(Some(text.build()))
        .build()
}

fn complete(path: &str, operation: &mut Operation, is_guarded: bool) {
    let mut statuses: Vec<&str> = Vec::new();
    if is_guarded {
        statuses.extend(GUARDED);
    } else if path.starts_with("/api/") {
        statuses.extend(PUBLIC);
    } else {
        statuses.push("503");
    }
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let has = |place: &ParameterIn, name: Option<&str>| {
        parameters.iter().any(|parameter| match parameter {
            RefOr::T(parameter) => {
                parameter.parameter_in == *place && name.is_none_or(|name| parameter.name == name)
            }
            RefOr::Ref(_) => false,
        })
    };
    let is_one_of = |ids: &[&str]| operation.operation_id.as_deref().is_some_and(|id| ids.contains(&id));
    let names_in_body = is_one_of(&WITH_ID_IN_BODY);
    if is_one_of(&STOPPED_BY_HOLDS) {
        statuses.push("409");
    }
    if has(&ParameterIn::Path, None) || names_in_body {
        statuses.extend(WITH_ID);
    }
    if has(&ParameterIn::Header, Some("If-Match")) {
        statuses.extend(WITH_VERSION);
    }
    // Only what has an effect says so here: the key is added after this.
    if is_guarded && operation.operation_id.as_deref().is_some_and(has_effect) {
        statuses.extend(WITH_EFFECT);
    }
    for status in statuses {
        let is_said = operation.responses.responses.contains_key(status);
        if !is_said {
            operation.responses.responses.insert(status.to_owned(), RefOr::T(problem(status)));
        }
    }
}

/// Reading operations are named so.
fn has_effect(id: &str) -> bool {
    !["list", "get", "who", "verify"].iter().any(|word| id.starts_with(word))
}

fn problem(status: &str) -> Answer {
    let description = match status {
        "400" => "The request cannot be understood",
        "401" => "There is no token, or it does not count",
        "403" => "A right is missing",
        "404" => "There is no such thing",
        "409" => "The state does not allow it",
        "412" => "It has changed since it was looked at",
        "413" => "The body is too large",
        "415" => "The body is no JSON",
        "422" => "What is asked for is refused",
        "428" => "The header If-Match is missing",
        "429" => "Too many requests",
        _ => "Kura cannot answer now",
    };
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let answer = ResponseBuilder::new().description(description).content("application/problem+json", content);
    let header = |words: &str| HeaderBuilder::new().description(Some(words)).build();
    match status {
        "401" => answer.header("WWW-Authenticate", header("How to say who asks")).build(),
        "429" => answer.header("Retry-After", header("Seconds to wait")).build(),
        _ => answer.build(),
    }
}

#[utoipa::path(
    get, path = "/api/openapi.json", tag = "public", operation_id = "openapi",
    summary = "This document / この文書（OpenAPI 3.1）",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)),
    security(())
)]
pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], super::document()).into_response()
}
