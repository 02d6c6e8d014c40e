//! Problems as problem+json (RFC 9457): the one table from failures to answers. Internal words never leave.
//!
//! `Kind` is the table: each row has a status, a code that never changes, and words in both languages. What workflows
//! say goes through `From`; what nobody outside can mend goes to the log under a number.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::clock::random_bytes;
use crate::domain::actor::Denied;

/// From the failures of workflows.
mod from;

pub(super) use from::{DAY_WORDS, not_allowed};

/// The kinds of problems. The code of a kind is a contract with programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    BadRequest,
    BadCursor,
    BadKey,
    NoToken,
    BadToken,
    RightMissing,
    OwnRequest,
    ProofRefused,
    NotFound,
    NoAddress,
    WrongMethod,
    Conflict,
    Taken,
    RequestUnderWay,
    AnswerLost,
    Changed,
    TooLarge,
    WrongType,
    Unprocessable,
    KeyReused,
    VersionNeeded,
    TooMany,
    Internal,
    Unavailable,
}

impl Kind {
    /// Every kind, in the order of statuses.
    pub(super) const ALL: [Self; 24] = [
        Self::BadRequest,
        Self::BadCursor,
        Self::BadKey,
        Self::NoToken,
        Self::BadToken,
        Self::RightMissing,
        Self::OwnRequest,
        Self::ProofRefused,
        Self::NotFound,
        Self::NoAddress,
        Self::WrongMethod,
        Self::Conflict,
        Self::Taken,
        Self::RequestUnderWay,
        Self::AnswerLost,
        Self::Changed,
        Self::TooLarge,
        Self::WrongType,
        Self::Unprocessable,
        Self::KeyReused,
        Self::VersionNeeded,
        Self::TooMany,
        Self::Internal,
        Self::Unavailable,
    ];

    /// Status, code, title in English and in Japanese.
    #[expect(clippy::too_many_lines, reason = "it is a table")]
    pub(super) const fn row(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::BadRequest => {
                (S::BAD_REQUEST, "bad-request", "the request cannot be understood", "要求を解釈できません")
            }
            Self::BadCursor => (
                S::BAD_REQUEST,
                "bad-cursor",
                "the cursor is not one of this list",
                "カーソルが正しくありません",
            ),
            Self::BadKey => (
                S::BAD_REQUEST,
                "bad-idempotency-key",
                "the Idempotency-Key cannot be used",
                "Idempotency-Key が正しくありません",
            ),
            Self::NoToken => (S::UNAUTHORIZED, "token-required", "a token is needed", "トークンが必要です"),
            Self::BadToken => {
                (S::UNAUTHORIZED, "token-refused", "the token does not count", "トークンが無効です")
            }
            Self::RightMissing => (S::FORBIDDEN, "right-missing", "a right is missing", "権限がありません"),
            Self::OwnRequest => (
                S::FORBIDDEN,
                "own-request",
                "nobody decides about what he asked for",
                "自分の申請は自分では決定できません",
            ),
            Self::ProofRefused => (
                S::FORBIDDEN,
                "proof-refused",
                "the password or the code does not count",
                "パスワードまたは認証コードが無効です",
            ),
            Self::NotFound => (S::NOT_FOUND, "not-found", "there is no such thing", "対象が見つかりません"),
            Self::NoAddress => {
                (S::NOT_FOUND, "no-such-address", "there is no such address", "該当するページはありません")
            }
            Self::WrongMethod => (
                S::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "this address does not take this method",
                "この操作はできません",
            ),
            Self::Conflict => (
                S::CONFLICT,
                "wrong-state",
                "the state does not allow this",
                "現在の状態ではこの操作はできません",
            ),
            Self::Taken => (S::CONFLICT, "taken", "this id is taken", "このIDは使用済みです"),
            Self::RequestUnderWay => (
                S::CONFLICT,
                "request-under-way",
                "the same request is being answered now",
                "同じ要求を処理中です",
            ),
            Self::AnswerLost => (
                S::CONFLICT,
                "answer-lost",
                "the request was done, its answer was lost",
                "要求は実行済みですが、応答の控えがありません",
            ),
            Self::Changed => (
                S::PRECONDITION_FAILED,
                "changed",
                "it has changed since you looked",
                "ご覧になった後で内容が変わりました",
            ),
            Self::TooLarge => {
                (S::PAYLOAD_TOO_LARGE, "too-large", "the body is too large", "要求の本文が大きすぎます")
            }
            Self::WrongType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "wrong-content-type",
                "the body must be JSON",
                "本文は JSON で送ってください",
            ),
            Self::Unprocessable => {
                (S::UNPROCESSABLE_ENTITY, "refused", "what is asked for is refused", "内容に誤りがあります")
            }
            Self::KeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "the Idempotency-Key was used for something else",
                "この Idempotency-Key は別の要求で使用済みです",
            ),
            Self::VersionNeeded => (
                S::PRECONDITION_REQUIRED,
                "if-match-required",
                "say which version you decide about",
                "どの版についての操作かを If-Match で示してください",
            ),
            Self::TooMany => {
                (S::TOO_MANY_REQUESTS, "too-many-requests", "too many requests", "要求が多すぎます")
            }
            Self::Internal => (
                S::INTERNAL_SERVER_ERROR,
                "internal",
                "something is wrong in Kura",
                "内部の誤りが発生しました",
            ),
            Self::Unavailable => {
                (S::SERVICE_UNAVAILABLE, "unavailable", "Kura cannot answer now", "現在、応答できません")
            }
        }
    }
}

/// What a request could not be answered with.
#[derive(Debug)]
pub(super) struct Problem {
    kind: Kind,
    /// What happened, to what, and what to do: English, Japanese.
    detail: Box<(String, String)>,
    /// The right that is missing, or how many seconds to wait.
    more: Option<Box<(&'static str, serde_json::Value)>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem in words of both languages.
    pub(super) fn new(kind: Kind, english: impl Into<String>, japanese: impl Into<String>) -> Self {
        Self { kind, detail: Box::new((english.into(), japanese.into())), more: None, headers: Vec::new() }
    }

    /// The installation cannot be read; why goes to the log.
    pub(super) fn unreadable(error: String) -> Self {
        Self::logged(&*Box::<dyn std::error::Error>::from(error))
    }

    /// Something failed that the asker cannot mend: a number leads to the log, where the cause is.
    pub(super) fn logged(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut number = [0_u8; 4];
        random_bytes(&mut number);
        let number = hex::encode(number);
        tracing::error!(request.id = number, error, "a request failed");
        Self::new(
            Kind::Unavailable,
            format!(
                "Try again in a minute; if it fails again, tell the administrator this number: {number}."
            ),
            format!("一時的に応答できません。しばらくしてから、もう一度お試しください。({number})"),
        )
        .waiting(60)
    }

    /// There is no such thing. `what` is a noun with the number or id that was asked for.
    pub(super) fn no_such(what: &str, id: &str) -> Self {
        Self::new(Kind::NotFound, format!("there is no {what} {id}"), "番号またはIDをご確認ください。")
    }

    /// Something about the request is wrong. In English and in Japanese: what, and what it should be.
    pub(super) fn bad_request(english: impl Into<String>, japanese: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, english, japanese)
    }

    /// What is asked for breaks a rule. In English and in Japanese: which, and what would be right.
    pub(super) fn refused(english: impl Into<String>, japanese: impl Into<String>) -> Self {
        Self::new(Kind::Unprocessable, english, japanese)
    }

    /// A right is missing.
    pub(super) fn denied(denied: &Denied) -> Self {
        let (kind, japanese) = match denied {
            Denied::OwnRequest(_) => {
                (Kind::OwnRequest, "申請した方とは別の方が決定してください。".to_owned())
            }
            Denied::Role { role, act, .. } => {
                (Kind::RightMissing, format!("{}には、権限「{}」がありません。", role.japanese(), act.word()))
            }
            Denied::Scope { act, .. } => (
                Kind::RightMissing,
                format!(
                    "このトークンには、権限「{}」がありません。権限のあるトークンを作成してください。",
                    act.word()
                ),
            ),
            Denied::Decider { role, .. } => (
                Kind::RightMissing,
                format!(
                    "{}のアカウントは、サービス運用者または運用管理責任者が管理します。",
                    role.japanese()
                ),
            ),
        };
        let right = match denied {
            Denied::Role { act, .. } | Denied::Scope { act, .. } => {
                Some(Box::new(("right", json!(act.word()))))
            }
            Denied::OwnRequest(_) | Denied::Decider { .. } => None,
        };
        Self { more: right, ..Self::new(kind, denied.to_string(), japanese) }
    }

    /// The same, to be tried again after so many seconds.
    pub(super) fn waiting(self, seconds: u64) -> Self {
        let more = Some(Box::new(("retry_after_seconds", json!(seconds))));
        Self { more, ..self }.with(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The same with a header.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, title, title_ja) = self.kind.row();
        let mut body = json!({
            "type": format!("/api/docs#{code}"), "code": code, "status": status.as_u16(),
            "title": title, "title_ja": title_ja, "detail": self.detail.0, "detail_ja": self.detail.1,
        });
        if let (Some(more), Some(body)) = (self.more, body.as_object_mut()) {
            body.insert(more.0.to_owned(), more.1);
        }
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}

/// There is no such address.
pub(super) async fn not_found() -> Problem {
    Problem::new(
        Kind::NoAddress,
        "Notices are at /notices, the API is described at /api/docs.",
        "お探しのページはありません。/notices にお知らせがあります。",
    )
}

/// The address takes no such method.
pub(super) async fn wrong_method() -> Problem {
    Problem::new(
        Kind::WrongMethod,
        "The header Allow says which methods it takes.",
        "使用できるメソッドは、応答の Allow ヘッダーをご覧ください。",
    )
}

/// Gives answers that layers below made the form of a problem: bodies that were too large, time that ran out, panics.
pub(super) fn complete(response: Response) -> Response {
    let has_type = response.headers().contains_key(header::CONTENT_TYPE);
    let is_problem =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
    match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE if !is_problem => too_large().into_response(),
        StatusCode::INTERNAL_SERVER_ERROR if !is_problem => Problem::new(
            Kind::Internal,
            "This is a fault of Kura; the log says more.",
            "Kura の不具合です。管理者にご連絡ください。",
        )
        .into_response(),
        StatusCode::SERVICE_UNAVAILABLE if !has_type => Problem::new(
            Kind::Unavailable,
            "The answer took too long. Try again in a minute.",
            "時間内に応答できませんでした。しばらくしてから、もう一度お試しください。",
        )
        .waiting(60)
        .into_response(),
        _ => response,
    }
}

/// The body is larger than any request needs.
pub(super) fn too_large() -> Problem {
    let english = format!("A body has at most {} bytes.", super::BODY_BYTES_MAX);
    let japanese = format!("本文は{}バイト以内にしてください。", super::BODY_BYTES_MAX);
    Problem::new(Kind::TooLarge, english, japanese)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_differ_and_rise_with_their_status() {
        let codes: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.row().1).collect();
        assert_eq!(codes.len(), Kind::ALL.len());
        assert!(Kind::ALL.is_sorted_by_key(|kind| kind.row().0));
        assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    }
}
