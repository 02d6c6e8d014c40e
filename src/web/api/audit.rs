//! `/api/v1/audit`: the lines of the audit log, and whether it holds.

use axum::Json;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::audit::AuditLine;
use crate::web::access::Caller;
use crate::web::problem::Problem;
use crate::workflows::lists::{self, AuditError, Head, ListPlace};

use super::extract::Asked;
use super::page::{Listing, PageQuery, Wanted};

/// A line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditShown {
    /// Its place, from 1, without gaps.
    sequence: u64,
    #[schema(format = DateTime)]
    at: String,
    /// An account, `host:USER` for a user of the machine, `kura` for the service itself.
    actor: String,
    /// What, in words with dots.
    #[schema(example = "window.approve")]
    act: String,
    /// To what.
    subject: String,
    /// More, in words for people.
    detail: String,
    /// Its digest, hexadecimal: SHA-256 over the digest before and this line.
    digest: String,
}

/// A head that was noted elsewhere.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HeadQuery {
    /// The number of the line that was noted; with `digest`.
    #[param(required = false, minimum = 1)]
    sequence: Option<u64>,
    /// Its digest, 64 hexadecimal digits.
    #[param(required = false, pattern = "^[0-9a-f]{64}$")]
    digest: Option<String>,
}

/// Whether the audit log holds.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Verified {
    /// Whether every line follows from the one before, and the noted head is still there.
    holds: bool,
    /// What is wrong, if something is.
    fault: Option<String>,
    /// The newest line, if it holds. Noted elsewhere, it shows later whether the log was cut or replaced.
    sequence: Option<u64>,
    /// Its digest, hexadecimal.
    digest: Option<String>,
}

fn shown(line: &AuditLine) -> AuditShown {
    AuditShown {
        sequence: line.sequence,
        at: line.entry.at.to_string(),
        actor: line.entry.actor.clone(),
        act: line.entry.act.clone(),
        subject: line.entry.subject.clone(),
        detail: line.entry.detail.clone(),
        digest: hex::encode(line.digest),
    }
}

#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit", operation_id = "listAudit",
    summary = "List the audit log, newest line first / 監査記録の一覧（新しい順）",
    params(PageQuery),
    responses((status = 200, description = "A page of lines", body = Listing<AuditShown>)),
    security(("token" = ["audit"]))
)]
pub(super) async fn list(caller: Caller, Asked(query, uri): Asked<PageQuery>) -> Result<Response, Problem> {
    let wanted = Wanted::read("audit", (query.limit, query.cursor.as_deref()), ListPlace::newest())?;
    let page = lists::audit(&caller.desk(), &caller.actor, &wanted.after, wanted.limit).await?;
    Ok(wanted.answer(page, &uri, shown))
}

#[utoipa::path(
    get, path = "/api/v1/audit/verification", tag = "audit", operation_id = "verifyAudit",
    summary = "Check the whole audit log / 監査記録を検証する",
    description = "Against a head that was noted elsewhere, if `sequence` and `digest` are given.",
    params(HeadQuery),
    responses((status = 200, description = "Whether it holds", body = Verified)),
    security(("token" = ["audit"]))
)]
pub(super) async fn verify(
    caller: Caller,
    Asked(query, _): Asked<HeadQuery>,
) -> Result<Json<Verified>, Problem> {
    let expected = match (query.sequence, query.digest) {
        (None, None) => None,
        (Some(sequence), Some(digest)) => {
            let digest = digest.parse();
            let digest = digest.map_err(|_| {
                Problem::bad_request(
                    "digest is 64 hexadecimal digits",
                    "digest は16進64桁で指定してください。",
                )
            })?;
            Some(Head { sequence, digest })
        }
        _ => {
            return Err(Problem::bad_request(
                "sequence and digest belong together",
                "sequence と digest は両方指定してください。",
            ));
        }
    };
    match lists::verify_audit(&caller.desk(), &caller.actor, expected).await {
        Ok(head) => Ok(Json(Verified {
            holds: true,
            fault: None,
            sequence: Some(head.sequence),
            digest: Some(head.digest.to_string()),
        })),
        Err(fault @ (AuditError::Chain(_) | AuditError::Cut { .. } | AuditError::Replaced { .. })) => {
            Ok(Json(Verified { holds: false, fault: Some(fault.to_string()), sequence: None, digest: None }))
        }
        Err(other) => Err(other.into()),
    }
}
