//! `/api/v1/incidents`: what failed, what happened since; opening one, writing into it, its steps.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::time::Instant;
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::Problem;
use crate::workflows::incidents::people::{self, Doing, New};
use crate::workflows::incidents::{self, Concern, Incident, IncidentField, IncidentRow};
use crate::workflows::lists::{self, ListPlace};

use super::extract::{Asked, Named, Sent};
use super::page::{Listing, Wanted};

/// Which incidents.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// Only those of a state; `open` for all that are not closed.
    #[param(required = false, nullable = false)]
    state: Option<String>,
    /// At most so many rows, 1 to 200; 50 unless it is given.
    #[param(minimum = 1, maximum = 200, required = false)]
    limit: Option<u32>,
    /// What the page before gave as `next`.
    #[param(required = false, nullable = false)]
    cursor: Option<String>,
}

/// An incident.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IncidentShown {
    /// Its number.
    #[schema(example = "I-2026-0001")]
    incident: String,
    /// `clock`, `stored-data`, `store`, `source`, `service`, `backup`, `deletion`, `portal`, or `person` for what a person
    /// noticed.
    cause: String,
    /// A plan, a store, an occurrence or a service; empty for what there is one of.
    subject: String,
    /// `detected`, `confirmed`, `recovering`, `recovered`, `reported` or `closed`.
    state: String,
    /// `kura`, or an account.
    opened_by: String,
    /// What it is, in Japanese.
    title: String,
    title_en: String,
    #[schema(format = DateTime)]
    found_at: String,
    #[schema(format = DateTime)]
    occurred_at: Option<String>,
    #[schema(format = DateTime)]
    expected_at: Option<String>,
    #[schema(format = DateTime)]
    recovered_at: Option<String>,
    /// The services that users cannot use.
    services: Vec<String>,
    /// Whether data of persons are concerned: `none`, `possible` or `on-purpose`.
    concern: String,
    /// The notice to users.
    notice: Option<String>,
    /// How often the report was issued.
    reports: u64,
    #[schema(format = DateTime)]
    closed_at: Option<String>,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Entry {
    #[schema(format = DateTime)]
    at: String,
    /// `kura`, or an account.
    actor: String,
    kind: String,
    sentence: String,
    sentence_ja: String,
}

/// Somebody who is to be told, by the id of the contact alone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Told {
    contact: String,
    group: String,
    /// Whether he is to be told as the incident stands.
    is_due: bool,
    /// How he was told: `mail`, `phone`, `fax`.
    ways: Vec<String>,
}

/// What is done against a recurrence.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Action {
    number: u64,
    what: String,
    owner: String,
    #[schema(format = Date)]
    due: String,
    is_done: bool,
}

/// What somebody wrote.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Written {
    field: String,
    text: String,
}

/// An incident with everything that belongs to it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IncidentWhole {
    incident: IncidentShown,
    entries: Vec<Entry>,
    contacts: Vec<Told>,
    actions: Vec<Action>,
    fields: Vec<Written>,
    /// How many of its alarms last.
    lasting: u64,
    /// Until when who entrusted data of persons should be told, if they are concerned.
    #[schema(format = Date)]
    first_report_by: Option<String>,
}

/// What a person noticed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Opening {
    /// What failed, on one line; no names of persons or files.
    #[schema(min_length = 1, max_length = 1000)]
    content: String,
    /// The services that users cannot use; users are told of them at once.
    #[serde(default)]
    services: Vec<String>,
    /// Whether data of persons are concerned: `none`, `possible` or `on-purpose`.
    #[serde(default)]
    concern: Option<String>,
    /// It is another failure than any that is open. Without it an incident about a plan or service that an open one is about
    /// is refused (409), and the answer names the open one.
    #[serde(default)]
    is_another: bool,
}

/// A note.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    /// What was seen or done, on one line.
    #[schema(min_length = 1, max_length = 1000)]
    text: String,
}

/// A field of the report.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    /// `place`, `content`, `scope`, `cause`, `measures`, `remarks`, `attachments`, `data`, `persons`, `harm`,
    /// `response`, `publication`, `other` or `users`.
    field: String,
    /// On one line.
    #[schema(min_length = 1, max_length = 1000)]
    text: String,
}

/// The steps of an incident.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Steps {
    /// Somebody has seen that it is so.
    Confirm,
    /// Somebody begins to mend it.
    Begin,
    /// It is mended.
    Recover,
    /// The report is issued.
    Report,
    /// Nothing is left to do.
    Close,
}

/// A step.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// Which.
    step: Steps,
    /// To recover: what was done. To close: why nothing has to be done against a recurrence.
    #[serde(default)]
    text: Option<String>,
    /// To close although a field of the report is empty or somebody was not told: why.
    #[serde(default)]
    incomplete: Option<String>,
}

fn row(row: &IncidentRow) -> IncidentShown {
    let at = |at: Option<Instant>| at.map(|at| at.to_string());
    IncidentShown {
        incident: row.incident.clone(),
        cause: row.cause.kind.word().to_owned(),
        subject: row.cause.subject.clone(),
        state: row.state.word().to_owned(),
        opened_by: row.opened_by.clone(),
        title: row.title.clone(),
        title_en: row.title_en.clone(),
        found_at: row.found_at.to_string(),
        occurred_at: at(row.occurred_at),
        expected_at: at(row.expected_at),
        recovered_at: at(row.recovered_at),
        services: row.services.clone(),
        concern: row.concern.word().to_owned(),
        notice: row.notice.clone(),
        reports: row.reports,
        closed_at: at(row.closed_at),
    }
}

fn whole(found: &Incident) -> IncidentWhole {
    let entries = found.entries.iter().map(|entry| Entry {
        at: entry.at.to_string(),
        actor: entry.actor.clone(),
        kind: entry.kind.clone(),
        sentence: entry.english.clone(),
        sentence_ja: entry.japanese.clone(),
    });
    let contacts = found.checklist.iter().map(|one| Told {
        contact: one.contact.id.clone(),
        group: one.contact.group.word().to_owned(),
        is_due: one.is_due,
        ways: one.ticks.iter().map(|tick| tick.way.word().to_owned()).collect(),
    });
    let actions = found.actions.iter().map(|action| Action {
        number: action.number,
        what: action.what.clone(),
        owner: action.owner.clone(),
        due: action.due.to_string(),
        is_done: action.done.is_some(),
    });
    let fields = found.fields.iter();
    let fields = fields.map(|(field, text)| Written { field: field.word().to_owned(), text: text.clone() });
    IncidentWhole {
        incident: row(&found.row),
        entries: entries.collect(),
        contacts: contacts.collect(),
        actions: actions.collect(),
        fields: fields.collect(),
        lasting: u64::try_from(found.lasting()).unwrap_or(u64::MAX),
        first_report_by: found.timers.map(|timers| timers.first_by.to_string()),
    }
}

#[utoipa::path(
    get, path = "/api/v1/incidents", tag = "incidents", operation_id = "listIncidents",
    summary = "List incidents, newest first / 障害の一覧",
    params(Query),
    responses((status = 200, description = "A page of incidents", body = Listing<IncidentShown>)),
    security(("token" = ["read"]))
)]
pub(super) async fn list(caller: Caller, Asked(query, uri): Asked<Query>) -> Result<Response, Problem> {
    let wanted = Wanted::read("incidents", (query.limit, query.cursor.as_deref()), ListPlace::newest())?;
    let state = query.state.unwrap_or_default();
    let page = lists::incidents(&caller.desk(), &caller.actor, &wanted.after, (&state, wanted.limit)).await?;
    Ok(wanted.answer(page, &uri, row))
}

#[utoipa::path(
    get, path = "/api/v1/incidents/{incident}", tag = "incidents", operation_id = "getIncident",
    summary = "Get an incident with its timeline, checklist and actions / 障害の内容",
    params(("incident" = String, Path, description = "Its number", example = "I-2026-0001")),
    responses((status = 200, description = "The incident", body = IncidentWhole)),
    security(("token" = ["read"]))
)]
pub(super) async fn get(caller: Caller, Named(id): Named) -> Result<Json<IncidentWhole>, Problem> {
    Ok(Json(whole(&lists::incident(&caller.desk(), &caller.actor, &id).await?)))
}

#[utoipa::path(
    post, path = "/api/v1/incidents", tag = "incidents", operation_id = "openIncident",
    summary = "Open an incident that a person noticed / 障害を登録する",
    description = "Kura opens incidents from alarms by itself, one for each cause.",
    request_body = Opening,
    responses((status = 201, description = "The incident", body = IncidentWhole)),
    security(("token" = ["incident"]))
)]
pub(super) async fn open(
    State(shared): State<Shared>,
    caller: Caller,
    Sent(body): Sent<Opening>,
) -> Result<Response, Problem> {
    let concern = match body.concern.as_deref() {
        None => Concern::None,
        Some(word) => Concern::of_word(word).ok_or_else(|| {
            Problem::refused(
                "concern is none, possible or on-purpose",
                "concern は none、possible、on-purpose のいずれかです。",
            )
        })?,
    };
    let new = New {
        content: body.content,
        place: None,
        scope: None,
        found_at: None,
        occurred_at: None,
        services: body.services,
        concern,
        is_another: body.is_another,
    };
    let desk = caller.desk();
    let id = people::open(&desk, &new, &caller.actor, shared.clock.now()).await?;
    Ok((StatusCode::CREATED, Json(whole(&incidents::look(&desk, &id).await?))).into_response())
}

async fn act(
    shared: &Shared,
    caller: &Caller,
    (id, doing): (&str, Doing),
) -> Result<Json<IncidentWhole>, Problem> {
    let now = shared.clock.now();
    Ok(Json(whole(&people::act(&caller.desk(), id, &doing, &caller.actor, now).await?)))
}

#[utoipa::path(
    post, path = "/api/v1/incidents/{incident}/notes", tag = "incidents", operation_id = "noteIncident",
    summary = "Write down what happens / 経過を記録する",
    params(("incident" = String, Path, description = "Its number", example = "I-2026-0001")),
    request_body = Note,
    responses((status = 200, description = "The incident", body = IncidentWhole)),
    security(("token" = ["incident"]))
)]
pub(super) async fn note(
    State(shared): State<Shared>,
    caller: Caller,
    Named(id): Named,
    Sent(body): Sent<Note>,
) -> Result<Json<IncidentWhole>, Problem> {
    act(&shared, &caller, (&id, Doing::Note(body.text))).await
}

#[utoipa::path(
    post, path = "/api/v1/incidents/{incident}/fields", tag = "incidents", operation_id = "writeIncidentField",
    summary = "Write a field of the report / 報告書の欄を記入する",
    params(("incident" = String, Path, description = "Its number", example = "I-2026-0001")),
    request_body = Field,
    responses((status = 200, description = "The incident", body = IncidentWhole)),
    security(("token" = ["incident"]))
)]
pub(super) async fn write_field(
    State(shared): State<Shared>,
    caller: Caller,
    Named(id): Named,
    Sent(body): Sent<Field>,
) -> Result<Json<IncidentWhole>, Problem> {
    let field = IncidentField::of_word(&body.field).ok_or_else(|| {
        Problem::refused(
            format!("there is no field {}", body.field),
            "その欄はありません。説明書の欄の名前を指定してください。",
        )
    })?;
    act(&shared, &caller, (&id, Doing::Field(field, body.text))).await
}

#[utoipa::path(
    post, path = "/api/v1/incidents/{incident}/steps", tag = "incidents", operation_id = "stepIncident",
    summary = "Take the next step / 障害の状態を進める",
    description = "confirm, begin, recover, report, close; recovered only once its alarms are over, closed only once the \
                   report is out, what is done against a recurrence is decided, and no field of the report and no contact is \
                   missing without a reason. Closing issues another version of the report if something changed since the last.",
    params(("incident" = String, Path, description = "Its number", example = "I-2026-0001")),
    request_body = Step,
    responses((status = 200, description = "The incident", body = IncidentWhole)),
    security(("token" = ["incident"]))
)]
pub(super) async fn step(
    State(shared): State<Shared>,
    caller: Caller,
    Named(id): Named,
    Sent(body): Sent<Step>,
) -> Result<Json<IncidentWhole>, Problem> {
    let doing = match body.step {
        Steps::Confirm => Doing::Confirm,
        Steps::Begin => Doing::Begin,
        Steps::Recover => Doing::Recover { at: None, measures: body.text },
        Steps::Report => Doing::Report,
        Steps::Close => Doing::Close { no_action: body.text, incomplete: body.incomplete },
    };
    act(&shared, &caller, (&id, doing)).await
}
