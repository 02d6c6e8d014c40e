//! Incidents: the list with what the help desk answers, one with its timeline, checklist, actions and timers; the report to
//! print. What persons do is in `incident_forms`.

use std::collections::BTreeSet;

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};

use super::form::Faults;
use super::incident_forms;
use super::layout::{Sheet, badge, facts};
use super::printed::Printing;
use super::refused::Refused;
use super::visit::{At, Visit};
use super::words::{Lang, w};
use crate::domain::incident_contact::Way;
use crate::domain::role::Act;
use crate::print;
use crate::workflows::desk::tokyo;
use crate::workflows::incidents::{
    self, Due, Edition, Incident, IncidentField, IncidentRow, IncidentState, first_report,
};

/// How many incidents are listed.
const LISTED_MAX: u32 = 200;

/// Where an incident stands, as a word in a frame.
pub(super) fn state(visit: &Visit, state: IncidentState) -> Markup {
    let class = match state {
        IncidentState::Detected | IncidentState::Confirmed | IncidentState::Recovering => "bad",
        IncidentState::Recovered | IncidentState::Reported => "unknown",
        IncidentState::Closed => "good",
    };
    let mark = match class {
        "bad" => "✕",
        "unknown" => "△",
        _ => "✓",
    };
    let english = state.word();
    badge(class, &format!("{mark} {}", visit.t(state.japanese(), english)))
}

/// What an incident is, in the reader's language.
pub(super) fn title<'a>(visit: &Visit, row: &'a IncidentRow) -> &'a str {
    match visit.lang {
        Lang::Ja => &row.title,
        Lang::En => &row.title_en,
    }
}

/// `GET /console/incidents`.
pub(super) async fn list(axum::Extension(visit): At) -> Result<Response, Refused> {
    let rows = incidents::list(&visit.desk, true, LISTED_MAX).await?;
    let (open, closed): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.state != IncidentState::Closed);
    let lines = incidents::help_desk(&visit.desk, visit.now).await?;
    let body = html! {
        h2 { (visit.t("ヘルプデスクの回答（第15条⑦）", "What the help desk answers (第15条⑦)")) }
        div class="note" {
            @for (id, ja, en) in &lines {
                p { @if !id.is_empty() { a href={ "/console/incidents/" (id) } { (id) } " " } (visit.t(ja, en)) }
            }
        }
        h2 { (visit.t("対応中の障害", "Incidents that are not closed")) }
        @if open.is_empty() { p { (visit.t("ありません。", "None.")) } }
        (rows_of(&visit, &open))
        @if visit.may(Act::ManageIncidents) {
            p { a class="button main" href="/console/incidents/new" { (visit.t("障害を登録する", "Open an incident")) } }
        }
        @if !closed.is_empty() {
            h2 { (visit.t("完了した障害", "Closed")) }
            (rows_of(&visit, &closed))
        }
        p class="note" {
            (visit.t(
                "Kura は、警報から原因ごとに1件の障害を自動的に登録します。人が気づいた障害は、この画面から登録します。",
                "Kura opens incidents from alarms by itself, one for each cause. What a person notices is opened here.",
            ))
        }
    };
    Ok(Sheet::new(w("障害", "Incidents"), body).show(&visit))
}

fn rows_of(visit: &Visit, rows: &[IncidentRow]) -> Markup {
    html! {
        ul class="rows" {
            @for row in rows {
                li {
                    p { (state(visit, row.state)) " " a href={ "/console/incidents/" (row.incident) } { (title(visit, row)) } }
                    p { (row.incident) " / " (visit.t("発見：", "found ")) (visit.lang.moment(row.found_at)) }
                }
            }
        }
    }
}

/// `GET /console/incidents/{id}`.
pub(super) async fn one(axum::Extension(visit): At, Path(id): Path<String>) -> Result<Response, Refused> {
    page(&visit, &id, &Faults::default()).await
}

/// The page of one incident, with what is wrong with what was sent.
pub(super) async fn page(visit: &Visit, id: &str, faults: &Faults) -> Result<Response, Refused> {
    let incident = incidents::look(&visit.desk, id).await?;
    let body = html! {
        (faults.summary(visit))
        p { (state(visit, incident.row.state)) }
        p class="lead" { (title(visit, &incident.row)) }
        (facts(&described(visit, &incident)))
        (clock(visit, &incident))
        h2 { (visit.t("連絡先の確認（別紙4）", "Who is told (別紙4)")) }
        (checklist(visit, &incident))
        h2 { (visit.t("経過", "What happened")) }
        ul class="rows" {
            @for entry in &incident.entries {
                li { p { strong { (visit.lang.moment(entry.at)) } " " (entry.actor) } p { (visit.t(&entry.japanese, &entry.english)) } }
            }
        }
        h2 { (visit.t("再発防止策（第17条④）", "Against a recurrence (第17条④)")) }
        (actions(visit, &incident))
        h2 { (visit.t("報告書と証明", "Report and statement")) }
        p { a class="button plain" href={ "/console/incidents/" (id) "/report" } {
            @if matches!(incident.edition(), Edition::Draft(_)) { (visit.t("障害報告書の案を見る", "See the draft of the report")) }
            @else { (visit.t("障害報告書を印刷する", "Print the report")) }
        } }
        @if visit.may(Act::ManageIncidents) {
            p { a class="button plain" href={ "/console/incidents/" (id) "/statement" } {
                (visit.t("復元可能性の証明を発行する", "Issue a statement of recoverability"))
            } }
        }
        @if visit.may(Act::ManageIncidents) && incident.row.state != IncidentState::Closed {
            (incident_forms::forms(visit, &incident, faults))
        }
    };
    let title = w(format!("障害 {id}"), format!("Incident {id}"));
    let sheet = if faults.is_empty() { Sheet::new(title, body) } else { Sheet::faulty(title, body) };
    Ok(sheet.show(visit))
}

fn described(visit: &Visit, incident: &Incident) -> Vec<(String, Markup)> {
    let row = &incident.row;
    let at = |at: Option<_>| at.map_or_else(|| "-".to_owned(), |at| visit.lang.moment(at));
    let mut rows = vec![
        (visit.t("発見日時", "Found").to_owned(), html! { (visit.lang.moment(row.found_at)) }),
        (visit.t("発生日時", "Began").to_owned(), html! { (at(row.occurred_at)) }),
        (visit.t("復旧予定", "Expected to be mended").to_owned(), html! { (at(row.expected_at)) }),
        (visit.t("復旧日時", "Mended").to_owned(), html! { (at(row.recovered_at)) }),
    ];
    if !row.services.is_empty() {
        let services = row.services.join(visit.t("、", ", "));
        rows.push((
            visit.t("利用できないサービス", "Services that cannot be used").to_owned(),
            html! { (services) },
        ));
    }
    if let Some(notice) = &row.notice {
        let link = html! { a href={ "/console/notices/" (notice) } { (notice) } };
        rows.push((visit.t("利用者へのお知らせ", "Notice to users").to_owned(), link));
    }
    for field in IncidentField::ALL {
        if let Some(text) = incident.field(field) {
            let (ja, en) = field.names();
            rows.push((visit.t(ja, en).to_owned(), html! { (text) }));
        }
    }
    let lasting = incident.lasting();
    if lasting > 0 {
        let text = match visit.lang {
            Lang::Ja => format!("{lasting}件続いています"),
            Lang::En => format!("{lasting} last"),
        };
        rows.push((visit.t("警報", "Alarms").to_owned(), html! { a href="/console/alarms" { (text) } }));
    }
    let codes: BTreeSet<&str> = incident.alarms.iter().map(|alarm| alarm.code.word()).collect();
    let links = html! {
        @for code in codes { a href={ "/console/runbooks/" (code) } { (code) } " " }
        @if incident.alarms.is_empty() { a href="/console/runbooks" { (visit.t("手順書の一覧", "All runbooks")) } }
    };
    rows.push((visit.t("手順書", "Runbooks").to_owned(), links));
    rows
}

/// The clock of personal data.
fn clock(visit: &Visit, incident: &Incident) -> Markup {
    let row = &incident.row;
    html! {
        @if let Some(timers) = &incident.timers {
            section class="note" {
                h2 { (visit.t("個人データに関する期限", "The clock of personal data")) }
                p { (visit.t(row.concern.names().0, row.concern.names().1)) }
                p {
                    @match first_report(timers, row.told_at, tokyo().day_of(visit.now)) {
                        Due::Done => (badge("good", visit.t("✓ 委託元に通知済み", "✓ who entrusted them was told"))),
                        Due::Ahead => (badge("plain", visit.t("… 期限前", "… to come"))),
                        Due::Now => (badge("unknown", visit.t("△ いま通知してください", "△ due now"))),
                        Due::Over => (badge("bad", visit.t("✕ 期限を過ぎています", "✕ late"))),
                    }
                }
                p {
                    (visit.t("速報：", "First report: ")) (visit.lang.day(timers.first_from)) (visit.t("から", " to "))
                    (visit.lang.day(timers.first_by)) " / " (visit.t("確報：", "second report by ")) (visit.lang.day(timers.second_by))
                }
                p {
                    (visit.t(
                        "発見日の翌日から数えています。発見日を1日目とすると1日早くなるため、早めに通知してください。",
                        "Counted from the day after it was found; counted from that day itself each comes a day sooner.",
                    ))
                }
            }
        }
    }
}

fn checklist(visit: &Visit, incident: &Incident) -> Markup {
    let desk = &visit.desk.incidents;
    let waits = incident.checklist.iter().any(|one| one.is_due && one.ticks.is_empty());
    html! {
        @if let Some(trouble) = &desk.trouble {
            p class="warning" { (visit.t("⚠ 連絡先のファイルを使用できません：", "⚠ The contacts cannot be used: ")) (trouble) }
        } @else if incident.checklist.is_empty() {
            p { (visit.t("連絡先がありません。システム管理者が contacts.toml に登録します。", "There are no contacts; the administrator writes them into contacts.toml.")) }
        }
        ul class="rows" {
            @for one in &incident.checklist {
                li {
                    p {
                        @if !one.ticks.is_empty() { (badge("good", visit.t("✓ 連絡済み", "✓ told"))) }
                        @else if one.is_due { (badge("bad", visit.t("✕ 連絡が必要", "✕ to be told"))) }
                        @else { (badge("plain", visit.t("－ まだ不要", "- not yet"))) }
                        " " (visit.t(one.contact.group.names().0, one.contact.group.names().1)) "：" (one.contact.name)
                        " (" (one.contact.id) ")"
                    }
                    @for tick in &one.ticks {
                        p { (visit.t(tick.way.names().0, tick.way.names().1)) " " (visit.lang.moment(tick.told_at)) " " (tick.told_by) }
                    }
                    @if one.mail.as_deref() == Some("given_up") {
                        p class="warning" { (visit.t("⚠ e-mail を送信できませんでした。電話またはFAXで連絡してください。", "⚠ The mail could not be sent: call.")) }
                    }
                    @for (way, number) in one.by_hand() {
                        @if one.ticks.iter().all(|tick| tick.way != way) {
                            p { (visit.t(way.names().0, way.names().1)) " " (number) }
                            @if visit.may(Act::ManageIncidents) && incident.row.state != IncidentState::Closed {
                                (incident_forms::tick(visit, incident, (&one.contact.id, way)))
                            }
                        }
                    }
                }
            }
        }
        @if waits {
            h3 { (visit.t("電話で読み上げる文、FAXの文", "To read out by phone, to send by fax")) }
            div class="body quoted" lang="ja" { (incident.call(&visit.desk, visit.now)) }
        }
        @for tick in &incident.former { p { (tick.contact) " " (Way::names(tick.way).0) " " (visit.lang.moment(tick.told_at)) } }
    }
}

fn actions(visit: &Visit, incident: &Incident) -> Markup {
    html! {
        @if incident.actions.is_empty() {
            @match &incident.row.no_action {
                Some(why) => p { (visit.t("不要：", "Not needed: ")) (why) },
                None => p { (visit.t("まだ決まっていません。", "Nothing is decided yet.")) },
            }
        }
        ul class="rows" {
            @for action in &incident.actions {
                li {
                    p {
                        @if action.done.is_some() { (badge("good", visit.t("✓ 完了", "✓ done"))) }
                        @else if action.due < tokyo().day_of(visit.now) { (badge("bad", visit.t("✕ 期限超過", "✕ late"))) }
                        @else { (badge("plain", visit.t("… 未完了", "… open"))) }
                        " " (action.what)
                    }
                    p { (visit.t("担当：", "By: ")) (action.owner) " / " (visit.t("期限：", "until ")) (visit.lang.day(action.due)) }
                    @if action.done.is_none() && visit.may(Act::ManageIncidents) && incident.row.state != IncidentState::Closed {
                        (incident_forms::done(visit, incident, action.number))
                    }
                }
            }
        }
    }
}

/// `GET /console/incidents/{id}/report`: the page to print.
pub(super) async fn report(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    printing: Printing,
) -> Result<Response, Refused> {
    let incident = incidents::look(&visit.desk, &id).await?;
    printing.answer(print::incident_report::page(&incident, &visit.desk, visit.now)).await
}
