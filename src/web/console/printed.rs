//! Pages to print, sent so that they can be saved and filed as they are.

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse as _, Response};

use super::refused::Refused;
use crate::print;

/// The answer with a page of [`print`]. Its style stands in it: exactly this style is allowed.
pub(super) fn printed(page: String) -> Result<Response, Refused> {
    let mut response = Html(page).into_response();
    let policy = format!(
        "default-src 'none'; style-src {}; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
        print::style_source()
    );
    let policy = HeaderValue::from_str(&policy).map_err(|error| Refused::internal(&error))?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}
