//! Taking requests apart: queries, JSON bodies, ids in addresses. What does not fit is a problem in words.

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use secrecy::SecretString;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize as _, Deserializer};

use crate::domain::account::AccountId;
use crate::web::BODY_BYTES_MAX;
use crate::web::problem::{Kind, Problem, too_large};

/// A query, with the address that it came to.
pub(super) struct Asked<T>(pub(super) T, pub(super) Uri);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        let Query(query) = query.map_err(|error| {
            Problem::bad_request(
                error.body_text(),
                "クエリーの項目名または値が仕様と異なります。/api/docs をご確認ください。",
            )
        })?;
        Ok(Self(query, parts.uri.clone()))
    }
}

/// A JSON body.
pub(super) struct Sent<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                Kind::WrongType,
                "Send JSON, with the header `Content-Type: application/json`.",
                "Content-Type: application/json で JSON を送ってください。",
            ));
        }
        let bytes = to_bytes(request.into_body(), BODY_BYTES_MAX).await.map_err(|_| too_large())?;
        // Shapes would take a list of their fields too.
        let is_object = bytes.trim_ascii_start().first() == Some(&b'{');
        if !is_object && serde_json::from_slice::<IgnoredAny>(&bytes).is_ok() {
            return Err(Problem::refused(
                "the body is a JSON object",
                "本文は JSON オブジェクトにしてください。",
            ));
        }
        match serde_json::from_slice(&bytes) {
            Ok(body) if is_object => Ok(Self(body)),
            Ok(_) => Err(not_json("it is no object")),
            Err(error) if !is_object => Err(not_json(&error.to_string())),
            Err(error) if error.is_data() => Err(Problem::refused(
                error.to_string(),
                format!(
                    "本文の項目名、値の型または値の範囲が仕様と異なります（{}行目）。/api/docs をご確認ください。",
                    error.line()
                ),
            )),
            Err(error) => Err(not_json(&error.to_string())),
        }
    }
}

fn not_json(why: &str) -> Problem {
    Problem::bad_request(format!("the body is no JSON: {why}"), "本文が JSON として正しくありません。")
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// The one id in an address.
pub(super) struct Named(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let named = Path::<String>::from_request_parts(parts, state).await;
        let Path(id) = named.map_err(|error| {
            Problem::bad_request(error.body_text(), "アドレスの番号またはIDを読み取れません。")
        })?;
        Ok(Self(id))
    }
}

impl Named {
    /// As the id of an account.
    pub(super) fn account(&self) -> Result<AccountId, Problem> {
        self.0.parse().map_err(|_| {
            let english = format!("there is no account {}", self.0);
            Problem::new(Kind::NotFound, english, "IDをご確認ください。")
        })
    }
}

/// The headers of a request.
pub(super) struct Headers(pub(super) HeaderMap);

impl<S: Send + Sync> FromRequestParts<S> for Headers {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(parts.headers.clone()))
    }
}

/// A secret in a body: it is never shown again.
pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    Ok(SecretString::from(String::deserialize(from)?))
}
