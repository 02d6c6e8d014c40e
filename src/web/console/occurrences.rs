//! One occurrence: where it stands, what speaks against it, and letting it run all the same (運用管理責任者).

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::calendar::state_words;
use super::decide::reason_fault;
use super::form::{self, Faults};
use super::layout::{Sheet, badge, facts};
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::words::{Lang, grouped, w};
use crate::domain::account::AccountId;
use crate::domain::gate::Refusal;
use crate::domain::occurrence::{Occurrence, OccurrenceState};
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::domain::window::Window;
use crate::workflows::{look, windows};

fn describe(visit: &Visit, found: &Occurrence, window: &Window) -> Markup {
    let (class, words) = state_words(Some(found.state));
    let span = visit.lang.span(found.span, &window.terms.parts().zone);
    let announced = found.announced_at.map_or_else(
        || visit.t("まだ周知していません", "not announced").to_owned(),
        |at| visit.lang.moment(at),
    );
    let mut rows = vec![
        (visit.t("状態", "State"), badge(class, visit.words(&words))),
        (visit.t("日時", "When"), html! { (span) }),
        (visit.t("種類", "Kind"), html! { (visit.lang.kind(window.terms.parts().kind)) }),
        (visit.t("サービスの停止", "Services"), html! { (visit.lang.stops(&window.terms)) }),
        (visit.t("利用者への周知", "Users were told"), html! { (announced) }),
        (
            visit.t("実施時間帯", "Window"),
            html! { a href={ "/console/windows/" (window.id) } { (window.id) } },
        ),
    ];
    if let Some((by, reason)) = &found.break_glass {
        rows.push((visit.t("緊急実施", "Break-glass"), html! { (by) "：" (reason) }));
    }
    let rows: Vec<(String, Markup)> =
        rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    facts(&rows)
}

fn sentences(visit: &Visit, refusals: &[Refusal], window: &Window) -> Markup {
    let zone = &window.terms.parts().zone;
    html! {
        ul {
            @for refusal in refusals {
                li {
                    @match visit.lang {
                        Lang::Ja => (refusal.japanese(zone)),
                        Lang::En => (refusal.english(zone)),
                    }
                    " " code { (refusal.code()) }
                    @if !refusal.gives_way() {
                        " — " strong { (visit.t("緊急実施でも実施できません。", "No break-glass changes this.")) }
                    }
                }
            }
        }
    }
}

/// Whether a break-glass can still change something.
fn can_break(found: &Occurrence, refusals: &[Refusal]) -> bool {
    matches!(found.state, OccurrenceState::Due | OccurrenceState::Announced)
        && found.break_glass.is_none()
        && refusals.iter().any(Refusal::gives_way)
}

/// `GET /console/occurrences/{id}`.
pub(super) async fn one(axum::Extension(visit): At, Path(id): Path<String>) -> Result<Response, Refused> {
    let (found, window, refusals) = look::occurrence(&visit.desk, &id).await?;
    let seen = look::report_seen(&visit.desk, &id).await?;
    let reasons = look::reasons(&visit.desk, &id).await?;
    let body = html! {
        (describe(&visit, &found, &window))
        @if found.state.is_open() && !refusals.is_empty() {
            h2 { (visit.t("今のままでは実施されません", "As things are it will not run")) }
            (sentences(&visit, &refusals, &window))
        }
        @if !reasons.is_empty() {
            h2 { (visit.t("記録された理由", "Reasons on record")) }
            ul class="rows" {
                @for reason in &reasons {
                    li {
                        p { (visit.t(&reason.japanese, &reason.english)) " " code { (reason.code) } }
                        p {
                            (visit.lang.moment(reason.first_at))
                            @if reason.times > 1 {
                                (visit.t("から ", " to ")) (visit.lang.moment(reason.last_at))
                                (visit.t(" まで、", ", ")) (grouped(reason.times)) (visit.t("回", " times"))
                            }
                        }
                    }
                }
            }
        }
        (report(&visit, &found, seen.as_ref()))
        @if can_break(&found, &refusals) && visit.may(Act::BreakGlass) {
            p {
                a class="button danger" href={ "/console/occurrences/" (found.id) "/break-glass" } {
                    (visit.t("緊急実施へ進む", "Break-glass …"))
                }
            }
        }
    };
    let title = w(
        format!("実施回：{}", Lang::Ja.day(found.day)),
        format!("Occurrence of {}", Lang::En.day(found.day)),
    );
    Ok(Sheet::new(title, body).show(&visit))
}

/// What is reported after a break-glass, and who has seen it.
fn report(visit: &Visit, found: &Occurrence, seen: Option<&(AccountId, Instant)>) -> Markup {
    let Some((by, reason)) = found.break_glass.as_ref().filter(|_| found.span.0 <= visit.now) else {
        return html! {};
    };
    let (class, words) = state_words(Some(found.state));
    let seen_words = seen.map_or_else(
        || visit.t("まだ確認されていません", "nobody has seen it yet").to_owned(),
        |(by, at)| format!("{by} {}", visit.lang.moment(*at)),
    );
    let rows = [
        (visit.t("許可した人", "Let through by"), html! { (by) }),
        (visit.t("理由", "Reason"), html! { (reason) }),
        (visit.t("結果", "Result"), badge(class, visit.words(&words))),
        (visit.t("サービス運用者の確認", "Seen by the service operator"), html! { (seen_words) }),
    ];
    let rows: Vec<(String, Markup)> =
        rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let button = form::button("main", visit.t("報告を確認した", "I have seen the report"));
    html! {
        section class="note" {
            h2 { (visit.t("緊急実施の報告（事後報告）", "Report of the break-glass")) }
            (facts(&rows))
            @if seen.is_none() && found.has_report() && visit.may(Act::DecideWindow) {
                (form::form(visit, &format!("/console/occurrences/{}/report", found.id), &button))
            }
        }
    }
}

/// `POST /console/occurrences/{id}/report`.
pub(super) async fn see_report(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Sent(_): Sent,
) -> Result<Response, Refused> {
    windows::see_report(&visit.desk, &id, visit.actor()?, visit.now).await?;
    Ok(Redirect::to(&format!("/console/occurrences/{id}")).into_response())
}

async fn page(visit: &Visit, id: &str, faults: Faults) -> Result<Response, Refused> {
    let (found, window, refusals) = look::occurrence(&visit.desk, id).await?;
    let reason = w("理由", "Reason");
    let hint = w(
        "1行、500文字まで。記録とお知らせに残り、事後に報告されます。",
        "One line; it is kept and reported afterwards.",
    );
    let inside = html! {
        (form::area(visit, ("reason", &reason), Some(&hint), "", (true, &faults)))
        div class="buttons" {
            (form::button("danger", visit.t("緊急実施を許可する", "Let it run")))
            a class="button plain" href={ "/console/occurrences/" (id) } { (visit.t("何もせずに戻る", "Go back")) }
        }
    };
    let body = html! {
        (faults.summary(visit))
        p class="lead" {
            (visit.t(
                "規則が拒否している実施回を、運用管理責任者の責任で許可します。停止の禁止と別の時間の実施は許可できません。",
                "You let an occurrence run although rules refuse it, on your responsibility. A forbidden stop or another time cannot be allowed.",
            ))
        }
        (describe(visit, &found, &window))
        (sentences(visit, &refusals, &window))
        (form::form(visit, &format!("/console/occurrences/{id}/break-glass"), &inside))
    };
    let title = w("緊急実施の確認", "Break-glass");
    let sheet = if faults.is_empty() { Sheet::new(title, body) } else { Sheet::faulty(title, body) };
    Ok(sheet.show(visit))
}

/// `GET /console/occurrences/{id}/break-glass`.
pub(super) async fn ask(axum::Extension(visit): At, Path(id): Path<String>) -> Result<Response, Refused> {
    page(&visit, &id, Faults::default()).await
}

/// `POST /console/occurrences/{id}/break-glass`.
pub(super) async fn break_glass(
    axum::Extension(visit): At,
    Path(id): Path<String>,
    Sent(fields): Sent,
) -> Result<Response, Refused> {
    let reason = fields.text("reason");
    match windows::break_glass(&visit.desk, &id, &reason, visit.actor()?, visit.now).await {
        Ok(()) => Ok(Redirect::to(&format!("/console/occurrences/{id}")).into_response()),
        Err(error) => page(&visit, &id, reason_fault(error)?).await,
    }
}
