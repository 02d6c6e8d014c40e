//! What persons do with an incident, as forms: each is one act, sent to one address.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::form::{self, Faults, Fields, Line};
use super::incidents;
use super::layout::Sheet;
use super::refused::{Refused, alike_words};
use super::visit::{At, Sent, Visit};
use super::words::{Words, w};
use crate::domain::incident_contact::Way;
use crate::domain::time::Instant;
use crate::workflows::desk::{DeskError, tokyo};
use crate::workflows::incidents::people::{self, Doing, New};
use crate::workflows::incidents::{Concern, Incident, IncidentField, IncidentState};

/// The names of the fields of an act: text, day, time. Each is told apart on a page that has them all.
fn names(act: &str) -> [&'static str; 3] {
    match act {
        "note" => ["note-text", "", ""],
        "field" => ["field-text", "", ""],
        "concern" => ["concern-text", "", ""],
        "notice" => ["notice-text", "", ""],
        "close" => ["close-text", "", ""],
        "told" => ["told-text", "told-day", "told-time"],
        "action" => ["action-text", "action-day", ""],
        "recover" => ["recover-text", "recover-day", "recover-time"],
        "expect" => ["", "expect-day", "expect-time"],
        "occurred" => ["", "occurred-day", "occurred-time"],
        _ => ["text", "day", "time"],
    }
}

/// A form of one act.
fn act(visit: &Visit, incident: &Incident, (word, button): (&str, &Words), inside: &Markup) -> Markup {
    let inside = html! {
        (form::hidden("act", word))
        (inside)
        (form::button("main", visit.words(button)))
    };
    form::form(visit, &format!("/console/incidents/{}/act", incident.row.incident), &inside)
}

/// The form that ticks that a contact was told.
pub(super) fn tick(visit: &Visit, incident: &Incident, (contact, way): (&str, Way)) -> Markup {
    let inside = html! { (form::hidden("contact", contact)) (form::hidden("way", way.word())) };
    act(visit, incident, ("contact", &w("連絡したことを記録する", "Tick: told")), &inside)
}

/// The form that notes that an action is done.
pub(super) fn done(visit: &Visit, incident: &Incident, number: u64) -> Markup {
    let inside = form::hidden("number", &number.to_string());
    act(visit, incident, ("action-done", &w("完了を記録する", "It is done")), &inside)
}

fn moment_fields(visit: &Visit, act: &str, (is_required, faults): (bool, &Faults)) -> Markup {
    let [_, day, time] = names(act);
    let (day, time) = (
        Line::text(day, w("日付", "Day"), "")
            .hint(w("例：令和8年11月23日、2026-11-23", "For example 2026-11-23")),
        Line::text(time, w("時刻", "Time"), "").hint(w("例：15:00", "For example 15:00")),
    );
    let (day, time) = if is_required { (day, time) } else { (day.optional(), time.optional()) };
    html! { (day.show(visit, faults)) (time.show(visit, faults)) }
}

fn text_line<'a>(act: &str, label: Words) -> Line<'a> {
    let [text, ..] = names(act);
    Line::text(text, label, "")
}

/// Everything that may be done with an incident as it stands. Each group can be folded away.
pub(super) fn forms(visit: &Visit, incident: &Incident, faults: &Faults) -> Markup {
    let section =
        |ja: &str, en: &str, inside: &Markup| html! { details { summary { (visit.t(ja, en)) } (inside) } };
    let next = next_step(visit, incident, faults);
    let note = act(
        visit,
        incident,
        ("note", &w("記録する", "Write it down")),
        &text_line("note", w("内容（個人名を書かないこと）", "What you see or do; no names of persons"))
            .show(visit, faults),
    );
    let expect = act(
        visit,
        incident,
        ("expect", &w("復旧予定を更新する", "Update")),
        &moment_fields(visit, "expect", (false, faults)),
    );
    let occurred = act(
        visit,
        incident,
        ("occurred", &w("発生日時を記録する", "Note when it began")),
        &moment_fields(visit, "occurred", (true, faults)),
    );
    let users = html! {
        (Line::text("service", w("利用できないサービス", "Service that cannot be used"), "").optional().show(visit, faults))
        (text_line("notice", w("利用者への説明", "What users should know")).optional().show(visit, faults))
    };
    let users = act(
        visit,
        incident,
        ("notice", &w("お知らせを掲載・更新する", "Publish or update the notice")),
        &users,
    );
    let action = html! {
        (text_line("action", w("内容", "What is done")).show(visit, faults))
        (Line::text("owner", w("担当（役割または部署）", "By which role or department"), "システム管理者").show(visit, faults))
        (Line::text("action-day", w("期限", "Until"), "").show(visit, faults))
    };
    let action = act(visit, incident, ("action", &w("再発防止策を追加する", "Add")), &action);
    let told = html! {
        (moment_fields(visit, "told", (true, faults)))
        (text_line("told", w("控え（文書番号など）", "What shows it (the number of a letter …)")).show(visit, faults))
    };
    let told =
        act(visit, incident, ("told", &w("委託元への通知を記録する", "Note that they were told")), &told);
    html! {
        h2 { (visit.t("対応", "What to do")) }
        (next)
        (section("経過を記録する", "Write down what happens", &note))
        (section("報告書の欄を記入する", "Write a field of the report", &field_form(visit, incident, faults)))
        (section("復旧予定", "When it is expected to be mended", &expect))
        (section("発生日時", "When it began", &occurred))
        (section("利用者への周知（第17条③）", "Tell users (第17条③)", &users))
        (section("再発防止策（第17条④）", "Against a recurrence (第17条④)", &action))
        (section("個人データへの影響", "Data of persons", &concern_form(visit, incident, faults)))
        (section("委託元への通知", "Who entrusted the data was told", &told))
    }
}

fn field_form(visit: &Visit, incident: &Incident, faults: &Faults) -> Markup {
    let fields = IncidentField::ALL.into_iter();
    let options: Vec<(String, String)> = fields
        .map(|field| (field.word().to_owned(), visit.t(field.names().0, field.names().1).to_owned()))
        .collect();
    let inside = html! {
        (form::choice(visit, ("field", &w("欄", "Field")), &options, "cause", faults))
        (text_line("field", w("内容", "Text")).show(visit, faults))
    };
    act(visit, incident, ("field", &w("記入する", "Write it")), &inside)
}

fn concern_form(visit: &Visit, incident: &Incident, faults: &Faults) -> Markup {
    let options: Vec<(String, String)> = Concern::ALL
        .into_iter()
        .map(|concern| (concern.word().to_owned(), visit.t(concern.names().0, concern.names().1).to_owned()))
        .collect();
    let inside = html! {
        (form::choice(visit, ("concern", &w("影響", "Concern")), &options, incident.row.concern.word(), faults))
        (text_line("concern", w("理由", "Why")).show(visit, faults))
    };
    act(visit, incident, ("concern", &w("記録する", "Note it")), &inside)
}

/// The step that comes next.
fn next_step(visit: &Visit, incident: &Incident, faults: &Faults) -> Markup {
    let recover = || {
        let inside = html! {
            (moment_fields(visit, "recover", (false, faults)))
            (text_line("recover", w("処置（何をしたか）", "What was done")).optional().show(visit, faults))
        };
        let form = act(visit, incident, ("recover", &w("復旧を記録する", "It is mended")), &inside);
        html! {
            h3 { (visit.t("復旧したとき", "When it is mended")) }
            p { (visit.t("日付と時刻が空欄のときは、今の日時を記録します。", "Without a day and a time, now is noted.")) }
            (form)
        }
    };
    let empty = html! {};
    match incident.row.state {
        IncidentState::Detected => act(
            visit,
            incident,
            ("confirm", &w("状況を確認し、障害と判断する", "Confirm that it is so")),
            &empty,
        ),
        IncidentState::Confirmed => html! {
            (act(visit, incident, ("begin", &w("復旧作業を始める", "Begin to mend it")), &empty))
            (recover())
        },
        IncidentState::Recovering => recover(),
        IncidentState::Recovered => {
            act(visit, incident, ("report", &w("障害報告書を発行する", "Issue the report")), &empty)
        }
        IncidentState::Reported => {
            let label =
                w("再発防止策が不要なときは、その理由", "Why nothing is needed against a recurrence, if so");
            let lacking = incident.lacking();
            let why =
                w("このまま完了する場合は、その理由", "Why it is closed although this is missing, if so");
            let inside = html! {
                (text_line("close", label).optional().show(visit, faults))
                @if !lacking.is_nothing() {
                    p class="warning" { (visit.t("⚠ ", "⚠ Missing: ")) (visit.t(&lacking.japanese(), &lacking.to_string())) }
                    (Line::text("close-incomplete", why, "").optional().show(visit, faults))
                }
            };
            html! {
                (act(visit, incident, ("report", &w("障害報告書を改めて発行する", "Issue the report again")), &empty))
                @if incident.since_report() > 0 {
                    p class="note" {
                        (visit.t(
                            "報告書の発行後に変わったことがあります。完了すると、それを含む最終版を発行します。",
                            "Something changed since the report was issued: closing issues its last version, with that in it.",
                        ))
                    }
                }
                (act(visit, incident, ("close", &w("対応を完了する", "Close it")), &inside))
            }
        }
        IncidentState::Closed => empty,
    }
}

/// A moment that was typed; `None` if both fields are empty.
fn moment(act: &str, fields: &Fields) -> Result<Option<Instant>, Faults> {
    let [_, day_name, time_name] = names(act);
    let (day, time) = (fields.plain(day_name), fields.plain(time_name));
    if day.is_empty() && time.is_empty() {
        return Ok(None);
    }
    let mut faults = Faults::default();
    let day = form::day(&day);
    if day.is_none() {
        faults.add(
            day_name,
            w("日付を「2026-11-23」のように入力してください。", "Enter a day such as 2026-11-23."),
        );
    }
    let time = form::time(&time);
    if time.is_none() {
        faults.add(time_name, w("時刻を「15:00」のように入力してください。", "Enter a time such as 15:00."));
    }
    match day.zip(time) {
        Some((day, time)) => Ok(Some(tokyo().at(day, time))),
        None => Err(faults),
    }
}

fn must(act: &str, fields: &Fields) -> Result<Instant, Faults> {
    let [_, day, _] = names(act);
    moment(act, fields)?.ok_or_else(|| Faults::one(day, form::missing("日付と時刻", "day and time")))
}

/// What a form asks for; `None` if no form of ours asks so.
fn meant(fields: &Fields) -> Result<Option<Doing>, Faults> {
    let act = fields.raw("act");
    let [text, ..] = names(act);
    let text = fields.text(text);
    let said = (!text.is_empty()).then(|| text.clone());
    Ok(Some(match act {
        "note" => Doing::Note(text),
        "confirm" => Doing::Confirm,
        "begin" => Doing::Begin,
        "recover" => Doing::Recover { at: moment(act, fields)?, measures: said },
        "report" => Doing::Report,
        "close" => {
            let why = fields.text("close-incomplete");
            Doing::Close { no_action: said, incomplete: (!why.is_empty()).then_some(why) }
        }
        "field" => {
            let Some(field) = IncidentField::of_word(fields.raw("field")) else { return Ok(None) };
            Doing::Field(field, text)
        }
        "expect" => Doing::Expect(moment(act, fields)?),
        "occurred" => Doing::Occurred(must(act, fields)?),
        "concern" => {
            let Some(concern) = Concern::of_word(fields.raw("concern")) else { return Ok(None) };
            Doing::Concern(concern, text)
        }
        "told" => Doing::Told(must(act, fields)?, text),
        "notice" => {
            let service = fields.text("service");
            Doing::TellUsers((!service.is_empty()).then_some(service).into_iter().collect(), said)
        }
        "contact" => {
            let Some(way) = Way::of_word(fields.raw("way")) else { return Ok(None) };
            Doing::Contact(fields.plain("contact"), way)
        }
        "action" => {
            let due = form::day(&fields.plain("action-day"))
                .ok_or_else(|| Faults::one("action-day", form::missing("期限", "a day")))?;
            Doing::Action(text, fields.text("owner"), due)
        }
        "action-done" => Doing::ActionDone(fields.plain("number").parse().unwrap_or_default()),
        _ => return Ok(None),
    }))
}

fn bad_text(act: &str, most: usize) -> Faults {
    let [text, ..] = names(act);
    let words = w(
        format!(
            "内容を1行、{most}文字以内で入力してください。見えない文字や文字の向きを変える記号は使用できません。"
        ),
        format!("Write one line of at most {most} characters, without any that are not seen."),
    );
    Faults::one(text, words)
}

/// `POST /console/incidents/{id}/act`.
pub(super) async fn send(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let doing = match meant(&fields) {
        Ok(Some(doing)) => doing,
        Ok(None) => return Err(Refused::unreadable_form()),
        Err(faults) => return incidents::page(&visit, &id, &faults).await,
    };
    match people::act(&visit.desk, &id, &doing, visit.actor()?, visit.now).await {
        Ok(_) => Ok(Redirect::to(&format!("/console/incidents/{id}")).into_response()),
        Err(DeskError::Reason(most)) => {
            incidents::page(&visit, &id, &bad_text(fields.raw("act"), most)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /console/incidents/new`.
pub(super) async fn ask(axum::Extension(visit): At) -> Result<Response, Refused> {
    Ok(opening(&visit, &Fields::default(), &Faults::default()))
}

fn opening(visit: &Visit, fields: &Fields, faults: &Faults) -> Response {
    let options: Vec<(String, String)> = Concern::ALL
        .into_iter()
        .map(|concern| (concern.word().to_owned(), visit.t(concern.names().0, concern.names().1).to_owned()))
        .collect();
    let hint = w("個人名、ファイル名を書かないでください。", "No names of persons or files.");
    let service = w(
        "入力すると、利用者へのお知らせがただちに掲載されます。",
        "If you name one, the notice to users is published at once.",
    );
    let inside = html! {
        (Line::text("text", w("障害内容", "What failed"), fields.raw("text")).hint(hint).show(visit, faults))
        (Line::text("place", w("発見箇所", "Where it was found"), fields.raw("place")).optional().show(visit, faults))
        (Line::text("scope", w("影響範囲", "What is concerned"), fields.raw("scope")).optional().show(visit, faults))
        (Line::text("service", w("利用できないサービス", "Service that cannot be used"), fields.raw("service")).hint(service).optional().show(visit, faults))
        h2 { (visit.t("発生日時（分かる場合）", "When it began, if known")) }
        (moment_fields(visit, "open", (false, faults)))
        (form::choice(visit, ("concern", &w("個人データへの影響", "Data of persons")), &options, fields.raw("concern"), faults))
        @if faults.is_of("another") {
            (form::fault(visit, "another", faults))
            label class="tick" {
                input type="checkbox" name="another" value="1" id="another";
                (visit.t("別の障害として登録する", "It is another failure: open it"))
            }
        }
        (form::button("main", visit.t("障害を登録する", "Open the incident")))
    };
    let body = html! { (faults.summary(visit)) (form::form(visit, "/console/incidents/new", &inside)) };
    let title = w("障害の登録", "Open an incident");
    let sheet = if faults.is_empty() { Sheet::new(title, body) } else { Sheet::faulty(title, body) };
    sheet.show(visit)
}

/// `POST /console/incidents/new`.
pub(super) async fn open(axum::Extension(visit): At, Sent(fields): Sent) -> Result<Response, Refused> {
    let occurred_at = match moment("open", &fields) {
        Ok(at) => at,
        Err(faults) => return Ok(opening(&visit, &fields, &faults)),
    };
    let some = |name: &str| Some(fields.text(name)).filter(|text| !text.is_empty());
    let new = New {
        content: fields.text("text"),
        place: some("place"),
        scope: some("scope"),
        found_at: None,
        occurred_at,
        services: some("service").into_iter().collect(),
        concern: Concern::of_word(fields.raw("concern")).unwrap_or(Concern::None),
        is_another: fields.is_set("another"),
    };
    match people::open(&visit.desk, &new, visit.actor()?, visit.now).await {
        Ok(id) => Ok(Redirect::to(&format!("/console/incidents/{id}")).into_response()),
        Err(DeskError::Reason(most)) => Ok(opening(&visit, &fields, &bad_text("open", most))),
        Err(DeskError::Alike { incident, about }) => {
            Ok(opening(&visit, &fields, &Faults::one("another", alike_words(&incident, &about))))
        }
        Err(error) => Err(error.into()),
    }
}
