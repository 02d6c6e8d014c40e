//! `/api/docs`: the document of the API as a page for people, in Japanese and English, without script.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use crate::web::problem::{Kind, Problem};

use super::extract::Asked;

/// Small additions to the stylesheet of all pages: contrast and targets are as there.
const STYLE: &str = "\
table{border-collapse:collapse;width:100%}th,td{border:1px solid #767676;padding:.25rem .5rem;text-align:left;\
vertical-align:top}code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}\
.method{font-weight:700;text-transform:uppercase}td p{margin:0}\
main,header,footer{max-width:60rem}";

/// The methods that Kura has.
const METHODS: [&str; 2] = ["get", "post"];

/// The document, read once.
static PARSED: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(super::document()).unwrap_or_default());

/// `?lang=en`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LanguageQuery {
    /// `ja` or `en`.
    #[param(required = false, pattern = "^(ja|en)$")]
    lang: Option<String>,
}

/// `/assets/api.css`.
pub(super) async fn stylesheet() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")], STYLE)
}

#[utoipa::path(
    get, path = "/api/docs", tag = "public", operation_id = "docs",
    summary = "This document as a page / この文書のページ",
    params(LanguageQuery),
    responses((status = 200, description = "HTML", content_type = "text/html", body = String)),
    security(())
)]
pub(super) async fn page(Asked(query, _): Asked<LanguageQuery>) -> Result<Response, Problem> {
    let is_english = match query.lang.as_deref() {
        None | Some("ja") => false,
        Some("en") => true,
        Some(_) => return Err(Problem::bad_request("lang is ja or en", "lang は ja か en です。")),
    };
    Ok(Html(render(&PARSED, is_english).into_string()).into_response())
}

/// One half of `English / 日本語`; the whole, if it has no halves.
fn half(text: &str, is_english: bool) -> &str {
    match text.split_once(" / ") {
        Some((english, japanese)) => {
            if is_english {
                english
            } else {
                japanese
            }
        }
        None => text,
    }
}

fn word<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn render(document: &Value, is_english: bool) -> Markup {
    let say = |japanese: &'static str, english: &'static str| if is_english { english } else { japanese };
    let tags = document.get("tags").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    html! {
        (DOCTYPE)
        html lang=(say("ja", "en")) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (say("Kura API リファレンス", "Kura API reference")) }
                link rel="stylesheet" href="/assets/kura.css";
                link rel="stylesheet" href="/assets/api.css";
            }
            body {
                header {
                    @if is_english {
                        nav aria-label="Language" { a href="/api/docs" lang="ja" hreflang="ja" { "日本語" } }
                    } @else {
                        nav aria-label="言語" { a href="/api/docs?lang=en" lang="en" hreflang="en" { "English" } }
                    }
                }
                main {
                    h1 { (say("Kura API リファレンス", "Kura API reference")) }
                    p { (say(
                        "プログラムは Authorization: Bearer ヘッダーでトークンを送ります。トークンは kura token new で作成します。",
                        "Programs send a token in the header Authorization: Bearer. Make one with kura token new.",
                    )) }
                    p class="alone" { a href="/api/openapi.json" { "OpenAPI 3.1 (JSON)" } }
                    @for tag in tags { (section(document, tag, is_english)) }
                    h2 id="problems" { (say("エラー", "Problems")) }
                    (problems(is_english))
                }
            }
        }
    }
}

/// The operations of one noun.
fn section(document: &Value, tag: &Value, is_english: bool) -> Markup {
    let name = word(tag, "name");
    let paths = document.get("paths").and_then(Value::as_object);
    let all = paths.into_iter().flatten().flat_map(|(path, item)| {
        METHODS.into_iter().filter_map(move |method| Some((path, method, item.get(method)?)))
    });
    let is_of = |operation: &Value| {
        let tags = operation.get("tags").and_then(Value::as_array);
        tags.is_some_and(|tags| tags.iter().any(|tag| tag == name))
    };
    let description = word(tag, "description");
    let (japanese, english) = description.split_once(": ").unwrap_or((description, description));
    html! {
        h2 id=(name) { @if is_english { (name) ": " (english) } @else { (japanese) } }
        @for (path, method, operation) in all.filter(|(_, _, operation)| is_of(operation)) {
            (article(document, (path, method), operation, is_english))
        }
    }
}

fn article(document: &Value, (path, method): (&str, &str), operation: &Value, is_english: bool) -> Markup {
    let say = |japanese: &'static str, english: &'static str| if is_english { english } else { japanese };
    let list = |key: &str| operation.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let responses = operation.get("responses").and_then(Value::as_object);
    let body = operation.pointer("/requestBody/content/application~1json/schema");
    html! {
        article id=(word(operation, "operationId")) {
            h3 { (half(word(operation, "summary"), is_english)) }
            p { span class="method" { (method) } " " code { (path) } }
            @if is_english { p { (word(operation, "description")) } }
            p {
                (say("必要な権限: ", "Right: "))
                @for (index, scope) in scopes(operation).iter().enumerate() {
                    @if index > 0 { (say(" または ", " or ")) }
                    @match scope.as_str() {
                        "public" => (say("不要（公開）", "none (public)")),
                        "token" => (say("有効なトークン", "any token")),
                        other => code { (other) },
                    }
                }
            }
            @let parameters = list("parameters");
            @if !parameters.is_empty() {
                table {
                    thead { tr {
                        th scope="col" { (say("パラメーター", "Parameter")) }
                        th scope="col" { (say("場所", "In")) }
                        th scope="col" { (say("説明", "Meaning")) }
                    } }
                    tbody { @for parameter in &parameters { tr {
                        td { code { (word(parameter, "name")) } }
                        td { (word(parameter, "in")) }
                        td { (word(parameter, "description")) }
                    } } }
                }
            }
            @if let Some(schema) = body { (fields(document, schema, say("本文", "Body"), is_english)) }
            @for (status, answer) in responses.into_iter().flatten().filter(|(status, _)| status.starts_with('2')) {
                p { (status) ": " (word(answer, "description")) }
                @if let Some(schema) = answer.pointer("/content/application~1json/schema") {
                    (fields(document, schema, say("応答", "Answer"), is_english))
                }
            }
            p {
                (say("その他の応答: ", "Other answers: "))
                @for (status, _) in responses.into_iter().flatten().filter(|(status, _)| !status.starts_with('2')) {
                    code { (status) } " "
                }
            }
        }
    }
}

/// The scopes that an operation needs, any one of them.
fn scopes(operation: &Value) -> Vec<String> {
    let all = operation.get("security").and_then(Value::as_array).cloned().unwrap_or_default();
    let of = |requirement: &Value| match requirement.get("token").and_then(Value::as_array) {
        None => "public".to_owned(),
        Some(scopes) => scopes.first().and_then(Value::as_str).unwrap_or("token").to_owned(),
    };
    all.iter().map(of).collect()
}

fn resolved<'v>(document: &'v Value, schema: &'v Value) -> &'v Value {
    let pointer = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(schema)
}

/// The fields of a schema, those of its parts with it.
fn fields(document: &Value, schema: &Value, caption: &str, is_english: bool) -> Markup {
    let schema = resolved(document, schema);
    let parts = schema.get("allOf").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut rows: Vec<(String, Value)> = Vec::new();
    for part in std::iter::once(schema).chain(parts.iter().map(|part| resolved(document, part))) {
        let properties = part.get("properties").and_then(Value::as_object);
        rows.extend(properties.into_iter().flatten().map(|(name, field)| (name.clone(), field.clone())));
    }
    html! {
        @if !rows.is_empty() {
            table {
                caption { (caption) }
                thead { tr {
                    th scope="col" { @if is_english { "Field" } @else { "項目" } }
                    th scope="col" { @if is_english { "Type" } @else { "型" } }
                    th scope="col" { @if is_english { "Meaning" } @else { "説明" } }
                } }
                tbody { @for (name, field) in &rows { tr {
                    td { code { (name) } }
                    td { (kind(field)) }
                    td { (word(field, "description")) }
                } } }
            }
        }
    }
}

fn kind(field: &Value) -> String {
    let name = |reference: &Value| {
        reference.as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default().to_owned()
    };
    if let Some(reference) = field.get("$ref") {
        return name(reference);
    }
    let base = match field.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | "),
        _ => {
            let one_of = field.get("oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
            one_of.iter().map(kind).collect::<Vec<_>>().join(" | ")
        }
    };
    match (field.get("items"), field.get("format").and_then(Value::as_str)) {
        (Some(items), _) => format!("{base} ({})", kind(items)),
        (None, Some(format)) => format!("{base} ({format})"),
        (None, None) => base,
    }
}

/// The table of problems, with a place to link to for each.
fn problems(is_english: bool) -> Markup {
    html! {
        table {
            thead { tr {
                th scope="col" { "code" }
                th scope="col" { @if is_english { "Status" } @else { "状態コード" } }
                th scope="col" { @if is_english { "Meaning" } @else { "意味" } }
            } }
            tbody { @for kind in Kind::ALL {
                @let (status, code, english, japanese) = kind.row();
                tr id=(code) {
                    td { code { (code) } }
                    td { (status.as_u16()) }
                    td { @if is_english { (english) } @else { (japanese) } }
                }
            } }
        }
    }
}
