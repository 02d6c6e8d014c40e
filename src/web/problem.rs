//! Problems as problem+json (RFC 9457): the one table from failures to answers. Internal words never leave.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::clock::random_bytes;
use crate::workflows::desk::DeskError;

/// What a request could not be answered with.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
}

impl Problem {
    /// The installation cannot be read; why goes to the log.
    pub(super) fn unreadable(error: String) -> Self {
        Self::internal("the installation cannot be read now", &*Box::<dyn std::error::Error>::from(error))
    }

    /// Something failed that the asker cannot mend: a number leads to the log, where the cause is.
    fn internal(title: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut number = [0_u8; 4];
        random_bytes(&mut number);
        let number = hex::encode(number);
        tracing::error!(request.id = number, error, "a request failed");
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            title,
            detail: format!(
                "Try again in a minute. 一時的に表示できません。しばらくしてから、もう一度お試しください。({number})"
            ),
        }
    }

    /// Something about the request is wrong.
    pub(super) const fn bad_request(detail: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, title: "the request cannot be understood", detail }
    }
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        Self::internal("the catalog cannot be read now", &error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::json!({
            "type": "about:blank", "title": self.title, "status": self.status.as_u16(), "detail": self.detail,
        });
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
    }
}

/// There is no such address.
pub(super) async fn not_found() -> Problem {
    let detail = "お探しのページはありません。/notices にお知らせがあります。".to_owned();
    Problem { status: StatusCode::NOT_FOUND, title: "there is no such address", detail }
}

/// The address takes no such method.
pub(super) async fn wrong_method() -> Problem {
    let detail = "Public addresses are read with GET.".to_owned();
    Problem { status: StatusCode::METHOD_NOT_ALLOWED, title: "this address is only read", detail }
}
