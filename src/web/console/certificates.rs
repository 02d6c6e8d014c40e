//! Certificates of deletion: the list, the page to print, the file that is checked offline.

use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use maud::html;

use super::deletion::{bench, certificates};
use super::layout::Sheet;
use super::paging::{After, older};
use super::printed::Printing;
use super::refused::Refused;
use super::visit::{At, Visit};
use super::words::w;
use crate::print;
use crate::web::Shared;
use crate::workflows::certificates::{self as checked, CertificateRow};
use crate::workflows::lists::{self, LIST_PAGE};

/// `GET /console/certificates`.
pub(super) async fn list(
    axum::Extension(visit): At,
    Query(after): Query<After>,
) -> Result<Response, Refused> {
    let page = lists::certificates(&visit.desk, visit.actor()?, &after.place(), LIST_PAGE).await?;
    let body = html! {
        (certificates(&visit, &page.rows))
        (older(&visit, "/console/certificates", None, page.next.as_ref()))
        p { a class="button plain" href="/console/deletion" { (visit.t("消去の状態へ戻る", "Back")) } }
    };
    Ok(Sheet::new(w("消去証明書", "Certificates of deletion"), body).show(&visit))
}

async fn row(visit: &Visit, number: &str) -> Result<CertificateRow, Refused> {
    let number = number.parse().map_err(|_| Refused::not_found())?;
    let found = lists::certificate(&visit.desk, visit.actor()?, number).await?;
    found.ok_or_else(Refused::not_found)
}

/// `GET /console/certificates/{number}`: the page to print, checked before it is shown.
pub(super) async fn one(
    axum::Extension(visit): At,
    State(shared): State<Shared>,
    Path(number): Path<String>,
    printing: Printing,
) -> Result<Response, Refused> {
    let row = row(&visit, &number).await?;
    let bench = bench(&shared).await?;
    let certificate = checked::read(&bench.host, &row).map_err(|error| Refused::internal(&error))?;
    printing.answer(print::certificate::page(&certificate, &row.digest.to_string())).await
}

/// `GET /console/certificates/{number}/file`: what `kura certificate verify` checks on any machine.
pub(super) async fn file(
    axum::Extension(visit): At,
    State(shared): State<Shared>,
    Path(number): Path<String>,
) -> Result<Response, Refused> {
    let row = row(&visit, &number).await?;
    let bench = bench(&shared).await?;
    let bundle = checked::bundle(&bench.host, &row).map_err(|error| Refused::internal(&error))?;
    let name = format!("attachment; filename=\"certificate-{}.json\"", row.number);
    Ok(([(header::CONTENT_DISPOSITION, name)], axum::Json(bundle)).into_response())
}
