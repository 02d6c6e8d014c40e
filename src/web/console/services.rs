//! The services that windows stop: which are stopped now, and confirming what a person did (手作業).

use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::form::{self, Faults};
use super::layout::{Sheet, badge};
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::words::w;
use crate::domain::role::Act;
use crate::workflows::hand_stops::{self, CONFIRM_MINUTES, Confirmed};
use crate::workflows::service_list::{self, ByHand, ServiceState, Stage};

/// `GET /console/services`.
pub(super) async fn list(axum::Extension(visit): At) -> Result<Response, Refused> {
    page(&visit, &Faults::default()).await
}

async fn page(visit: &Visit, faults: &Faults) -> Result<Response, Refused> {
    let services = service_list::list(&visit.desk, visit.actor()?).await?;
    let waiting = services.iter().flat_map(|service| &service.by_hand);
    let waiting: Vec<&ByHand> =
        waiting.filter(|one| matches!(one.row.stage(), Stage::ToStop | Stage::ToStart)).collect();
    let body = html! {
        (faults.summary(visit))
        @if !waiting.is_empty() {
            h2 { (visit.t("人の手による作業を待っています", "Waits for somebody's hands")) }
            @for (number, one) in waiting.iter().enumerate() { (asking(visit, one, (number == 0).then_some(faults))) }
        }
        h2 { (visit.t("すべての停止対象サービス", "Every service that may stop")) }
        @if services.is_empty() {
            p { (visit.t("停止の対象となるサービスはありません（kura.toml の [[service]]）。", "No service may stop (`[[service]]` in kura.toml).")) }
        }
        ul class="rows" { @for service in &services { (row(visit, service)) } }
        p class="note" {
            (visit.t(
                "サービスを停止できるのは、承認済みの毎月のバックアップと維持管理の時間帯だけです（第21条③）。人の手で止めるサービスは、止めたことを確認するまで作業を始めません。",
                "Services stop in approved monthly and maintenance windows only (第21条③). Where a person stops one, nothing begins before that is confirmed.",
            ))
        }
    };
    let title = w("停止対象サービス", "Services");
    let sheet = if faults.is_empty() { Sheet::new(title, body) } else { Sheet::faulty(title, body) };
    Ok(sheet.show(visit))
}

/// What somebody is asked to do, with the form that confirms it.
fn asking(visit: &Visit, one: &ByHand, faults: Option<&Faults>) -> Markup {
    let (row, is_stop) = (&one.row, one.row.stage() == Stage::ToStop);
    let (confirmed, tick, button) = if is_stop {
        let tick =
            visit.t("利用者の画面で、使えないことを確かめました", "I have seen that users cannot open it");
        (Confirmed::Stopped, tick, visit.t("止めたことを確認する", "Confirm that it has stopped"))
    } else {
        let tick = visit.t("利用者の画面で、使えることを確かめました", "I have seen that users can open it");
        (Confirmed::Running, tick, visit.t("動いていることを確認する", "Confirm that it runs"))
    };
    let inside = html! {
        (form::hidden("occurrence", &row.occurrence))
        (form::hidden("service", &row.service))
        (form::hidden("state", confirmed.word()))
        @if let Some(fault) = faults { (form::fault(visit, "seen", fault)) }
        label class="tick" {
            input type="checkbox" name="seen" value="1" id=[faults.map(|_| "seen")];
            (tick)
        }
        (form::button("main", button))
    };
    html! {
        section class="note" {
            h3 {
                @if is_stop { (visit.t("止めてください：", "Stop: ")) } @else { (visit.t("動かしてください：", "Start: ")) }
                (row.service)
            }
            p {
                (visit.t("実施回：", "Occurrence: "))
                a href={ "/console/occurrences/" (row.occurrence) } { (row.occurrence) }
            }
            @if is_stop {
                p class="warning" {
                    (visit.t("⚠ 確認の期限：", "⚠ Confirm until: ")) (visit.lang.moment(one.confirm_until))
                    (visit.t("。過ぎると、今回の作業は実施しません。", "; after that the occurrence is refused."))
                }
            } @else if row.stopped.is_none() {
                p { (visit.t("止めたことの確認はありませんでした。動いていることを確かめてください。", "Nobody confirmed that it had been stopped. See that it runs.")) }
            } @else {
                p { (visit.t("作業は終わりました。", "The work is over.")) }
            }
            @if visit.may(Act::ConfirmService) { (form::form(visit, "/console/services/confirm", &inside)) }
            @else { p { (visit.t("確認できるのは、システム管理者とシステム運用者です。", "The system administrator or the system operator confirms it.")) } }
        }
    }
}

fn row(visit: &Visit, service: &ServiceState) -> Markup {
    let how = match service.is_by_hand {
        Some(true) => visit.t("人の手で停止・再開", "stopped and started by hand"),
        Some(false) => visit.t("Kura が停止・再開", "stopped and started by Kura"),
        None => visit.t("⚠ kura.toml に設定がありません", "⚠ kura.toml no longer names it"),
    };
    html! {
        li {
            p { strong { (service.name) } " " (standing(visit, service)) }
            p { (how) }
            @for one in &service.by_hand {
                @if let Some((at, by)) = &one.row.stopped {
                    p { (visit.t("停止の確認：", "Stop confirmed: ")) (by) " " (visit.lang.moment(*at)) }
                }
            }
            @for stop in &service.stopped {
                p { (visit.t("停止の開始：", "Stopped since: ")) (visit.lang.moment(stop.stopping_at)) " (" (stop.occurrence) ")" }
            }
            @if service.windows.is_empty() {
                p { (visit.t("停止する実施時間帯はありません。", "No window stops it.")) }
            }
            @for window in &service.windows {
                p {
                    (super::windows::state(visit, &window.state)) " "
                    a href={ "/console/windows/" (window.id) } {
                        (visit.lang.kind(window.terms.parts().kind)) " — "
                        (visit.lang.recurrence(window.terms.parts().recurrence))
                    }
                }
            }
        }
    }
}

fn standing(visit: &Visit, service: &ServiceState) -> Markup {
    let stage = service.by_hand.iter().map(|one| one.row.stage()).min();
    let (class, ja, en) = match (stage, service.stopped.is_empty()) {
        (Some(Stage::ToStop), _) => ("unknown", "… 停止の確認待ち", "… waits for its stop"),
        (Some(Stage::ToStart), _) => ("bad", "✕ 再開の確認待ち", "✕ waits for its start"),
        (Some(Stage::Stopped), _) | (Some(Stage::Runs) | None, false) => ("plain", "■ 停止中", "■ stopped"),
        (Some(Stage::Runs) | None, true) => ("good", "✓ 停止していません", "✓ not stopped"),
    };
    badge(class, visit.t(ja, en))
}

/// What the first page says of those who can help.
pub(super) fn task(visit: &Visit, one: &ByHand) -> Option<String> {
    let name = &one.row.service;
    match one.row.stage() {
        Stage::ToStop => Some(format!(
            "{}{name}（{}）",
            visit.t("サービスを止めて確認してください：", "Stop a service and confirm it: "),
            visit.t("期限 ", "until ").to_owned() + &visit.lang.time(one.confirm_until)
        )),
        Stage::ToStart => Some(format!(
            "{}{name}",
            visit.t("サービスを動かして確認してください：", "Start a service and confirm it: ")
        )),
        Stage::Stopped | Stage::Runs => None,
    }
}

/// `POST /console/services/confirm`.
pub(super) async fn confirm(axum::Extension(visit): At, Sent(fields): Sent) -> Result<Response, Refused> {
    let confirmed = Confirmed::of_word(&fields.plain("state")).ok_or_else(Refused::unreadable_form)?;
    if !fields.is_set("seen") {
        let words = w(
            format!("確かめてから、チェックを入れてください（停止の確認の期限は{CONFIRM_MINUTES}分です）。"),
            format!(
                "See for yourself, then tick the box (a stop is confirmed within {CONFIRM_MINUTES} minutes)."
            ),
        );
        return page(&visit, &Faults::one("seen", words)).await;
    }
    let (occurrence, service) = (fields.text("occurrence"), fields.text("service"));
    let what = (occurrence.as_str(), service.as_str());
    hand_stops::confirm(&visit.desk, what, confirmed, visit.actor()?, visit.now).await?;
    Ok(Redirect::to("/console/services").into_response())
}
