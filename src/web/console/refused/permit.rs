//! What is refused about permits, as pages.

use axum::http::StatusCode;

use super::{Refused, again};
use crate::domain::permit::{BadContent, PermitRefusal};
use crate::web::console::words::w;

/// A rule that forbids it.
pub(super) fn refused(refusal: &PermitRefusal) -> Refused {
    let what = w(
        format!("{}何も変更されていません。", refusal.japanese()),
        format!("Nothing was changed: {refusal}."),
    );
    Refused::rule(
        what,
        w("画面を開き直して、内容を確かめてください。", "Open the page again and look at it."),
    )
}

/// A field that is wrong.
pub(super) fn wrong(problem: BadContent) -> Refused {
    let what = w(problem.japanese(), format!("Refused: {problem}."));
    Refused::new(StatusCode::UNPROCESSABLE_ENTITY, what, again())
}
