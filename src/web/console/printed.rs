//! Papers, sent so that they can be saved and filed as they are: as a page, or as a PDF where `?format=pdf` asks for it.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, header};
use axum::response::{Html, IntoResponse as _, Response};
use serde::Deserialize;

use super::refused::Refused;
use crate::config::Home;
use crate::paper::{Paper, style_source};
use crate::web::Shared;
use crate::workflows::printing;

/// The words of an address that ask for a form.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Html,
    Pdf,
}

/// How a paper is asked for.
#[derive(Debug)]
pub(super) struct Printing {
    is_pdf: bool,
    /// Whether the page can be asked for again: what a form brought forth cannot.
    is_read: bool,
    home: Home,
}

impl FromRequestParts<Shared> for Printing {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Refused> {
        let asked: Asked = Query::try_from_uri(&parts.uri).map_err(|_| Refused::not_found())?.0;
        let is_read = parts.method == Method::GET;
        Ok(Self { is_pdf: asked.format == Some(Format::Pdf), is_read, home: shared.home.clone() })
    }
}

impl Printing {
    /// The answer with a paper. The style of a page stands in it: exactly this style is allowed.
    pub(super) async fn answer(self, paper: Paper) -> Result<Response, Refused> {
        if self.is_pdf {
            let made = tokio::task::spawn_blocking(move || printing::pdf(&self.home, &paper)).await;
            let bytes =
                made.map_err(|error| Refused::internal(&error))?.map_err(|error| Refused::pdf(&error))?;
            let kind = [(header::CONTENT_TYPE, "application/pdf"), (header::CONTENT_DISPOSITION, "inline")];
            return Ok((kind, bytes).into_response());
        }
        let page = if self.is_read { paper.html_with("?format=pdf", "PDFで開く") } else { paper.html() };
        let mut response = Html(page).into_response();
        let policy = format!(
            "default-src 'none'; style-src {}; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
            style_source()
        );
        let policy = HeaderValue::from_str(&policy).map_err(|error| Refused::internal(&error))?;
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        Ok(response)
    }
}
