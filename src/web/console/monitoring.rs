//! Monitoring (稼働監視): how each target stands, its availability and history; access logs and their review.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::form::{self, Faults, Line};
use super::layout::{Sheet, badge, facts};
use super::refused::Refused;
use super::visit::{At, Sent, Visit};
use super::words::{grouped, w};
use crate::domain::monitor::{Answer, Pulse, Standing, share};
use crate::domain::role::Act;
use crate::workflows::monitor::logs::{self, LogLookRow, LogShown};
use crate::workflows::monitor::{self, MonitorShown};

/// How many looks through each log are shown.
const LOOKS: u32 = 5;

/// `GET /console/monitoring`.
pub(super) async fn list(axum::Extension(visit): At) -> Result<Response, Refused> {
    page(&visit, &Faults::default()).await
}

async fn page(visit: &Visit, faults: &Faults) -> Result<Response, Refused> {
    visit.actor()?;
    let targets = monitor::list(&visit.desk, 2, visit.now).await?;
    let logs = logs::list(&visit.desk, LOOKS, visit.now).await?;
    let body = html! {
        (faults.summary(visit))
        @if visit.desk.monitoring.trouble.is_some() {
            p class="warning" {
                (visit.t(
                    "⚠ 監視の設定（policies/monitoring）を読み取れないため、監視していません。システム管理者が kura monitor list で誤りを確かめます。",
                    "⚠ What is to be monitored cannot be read, so nothing is: the administrator looks with `kura monitor list`.",
                ))
            }
        }
        h2 { (visit.t("監視対象", "Targets")) }
        @if targets.is_empty() {
            p { (visit.t("監視対象はありません（policies/monitoring の [[target]]）。", "Nothing is monitored (`[[target]]` in policies/monitoring).")) }
        } @else { (table(visit, &targets)) }
        p class="note" {
            (visit.t(
                "Ping と TCP は5分以内、アプリケーションの応答は15分以内ごとに確かめます（第22条②）。実施時間帯で停止しているサービスの対象は、その間の結果を稼働率に数えません。",
                "Ping and TCP every 5 minutes, applications every 15 (第22条②). While a window stops a service, its targets do not count.",
            ))
        }
        h2 { (visit.t("ファイア・ウォールのアクセス・ログ", "Access logs of the firewall")) }
        @if logs.is_empty() {
            p { (visit.t("集計するアクセス・ログはありません（policies/monitoring の [[access_log]]）。", "No access log is looked through (`[[access_log]]` in policies/monitoring).")) }
        }
        @for log in &logs { (one_log(visit, log, faults)) }
    };
    let title = w("稼働監視", "Monitoring");
    let sheet = if faults.is_empty() { Sheet::new(title, body) } else { Sheet::faulty(title, body) };
    Ok(sheet.show(visit))
}

fn standing(visit: &Visit, shown: &MonitorShown) -> Markup {
    let pulse = shown.pulse.as_ref();
    let (class, ja, en) = match pulse.map(|pulse| pulse.standing) {
        _ if shown.is_silenced => ("plain", "■ 計画による停止中", "■ stopped by a window"),
        Some(Standing::Up) => ("good", "✓ 正常", "✓ up"),
        Some(Standing::Down) if pulse.is_some_and(Pulse::is_unsteady) => ("bad", "✕ 不安定", "✕ unsteady"),
        Some(Standing::Down) => ("bad", "✕ 応答なし", "✕ down"),
        Some(Standing::Unknown) | None => ("unknown", "？ 未確認", "? not known yet"),
    };
    badge(class, visit.t(ja, en))
}

fn words(visit: &Visit, answer: Answer) -> &'static str {
    let (ja, en) = answer.sentences();
    if visit.t("ja", "en") == "ja" { ja } else { en }
}

fn kind(visit: &Visit, shown: &MonitorShown) -> &'static str {
    let ask = &shown.target.ask;
    if visit.t("ja", "en") == "ja" { ask.japanese() } else { ask.word() }
}

fn table(visit: &Visit, targets: &[MonitorShown]) -> Markup {
    let heading = visit.t("監視対象", "Targets");
    let (how, state) = (visit.t("確認の方法", "How"), visit.t("状態", "Standing"));
    let asked = visit.t("最後の確認", "Asked");
    let (this, last) = (visit.t("今月の稼働率", "This month"), visit.t("先月の稼働率", "Last month"));
    html! {
        div class="scroll stack" tabindex="0" role="region" aria-label=(heading) {
            table {
                thead { tr {
                    th scope="col" { (visit.t("対象", "Target")) }
                    th scope="col" { (how) }
                    th scope="col" { (state) }
                    th scope="col" { (asked) }
                    th scope="col" { (this) }
                    th scope="col" { (last) }
                } }
                tbody {
                    @for shown in targets {
                        tr {
                            th scope="row" {
                                a href={ "/console/monitoring/" (shown.target.name) } { (shown.target.name) }
                                @if !shown.target.services.is_empty() { br; (shown.target.services.join("、")) }
                            }
                            td data-label=(how) { (kind(visit, shown)) }
                            td data-label=(state) {
                                (standing(visit, shown))
                                @if let Some(pulse) = &shown.pulse { br; (visit.t("", "since ")) (visit.lang.moment(pulse.since)) (visit.t("から", "")) }
                            }
                            td data-label=(asked) {
                                @if let Some(pulse) = &shown.pulse {
                                    (visit.lang.ago(pulse.asked_at, visit.now)) br; (words(visit, pulse.answer))
                                } @else { "-" }
                            }
                            td class="count" data-label=(this) { (of_month(shown, 0, visit)) }
                            td class="count" data-label=(last) { (of_month(shown, 1, visit)) }
                        }
                    }
                }
            }
        }
    }
}

/// The availability of this month, or of so many before.
fn of_month(shown: &MonitorShown, back: usize, visit: &Visit) -> String {
    let months = monitor::months(visit.now, 2);
    let wanted = months.get(back);
    let found = shown.months.iter().find(|(month, _)| Some(month) == wanted);
    share(found.and_then(|(_, tally)| tally.availability()))
}

fn one_log(visit: &Visit, shown: &LogShown, faults: &Faults) -> Markup {
    let newest = shown.looks.iter().find(|row| row.review.is_none());
    html! {
        h3 {
            (shown.log.name) " "
            @if shown.overdue_since.is_some() { (badge("bad", visit.t("✕ 確認の期限を過ぎています", "✕ review overdue"))) }
            @else if newest.is_some() { (badge("unknown", visit.t("… 確認待ち", "… waits for a review"))) }
            @else if !shown.looks.is_empty() { (badge("good", visit.t("✓ 確認済み", "✓ reviewed"))) }
        }
        @if shown.looks.is_empty() { p { (visit.t("まだ集計していません。", "Not looked through yet.")) } }
        ul class="rows" { @for row in &shown.looks { (look(visit, shown, row)) } }
        @if let Some(newest) = newest.filter(|_| visit.may(Act::KeepRecords)) {
            @let inside = html! {
                (form::hidden("log", &shown.log.name))
                (form::hidden("number", &newest.number.to_string()))
                (Line::text("remark", w("所見（個人名やアドレスは書かない）", "What you make of it (no names, no addresses)"), "").show(visit, faults))
                (form::button("main", visit.t("集計結果を確認した", "I have reviewed it")))
            };
            (form::form(visit, "/console/monitoring/review", &inside))
        }
    }
}

fn look(visit: &Visit, shown: &LogShown, row: &LogLookRow) -> Markup {
    let over = row.look.noteworthy(&shown.log);
    html! {
        li {
            p {
                "No. " (row.number) " " (visit.lang.moment(row.at)) " — "
                (grouped(row.look.lines)) (visit.t("行", " lines"))
            }
            p {
                @for (name, count) in &row.look.counts {
                    @if over.iter().any(|(rule, _)| rule.name == *name) { strong class="warning" { "⚠ " (name) " " (grouped(*count)) } }
                    @else { (name) " " (grouped(*count)) }
                    " "
                }
            }
            @if row.look.is_gap {
                p class="warning" { (visit.t("⚠ ファイルが入れ替わっていました。間の行を数えていないおそれがあります。", "⚠ The file was another one: lines in between may be missing.")) }
            }
            @if row.look.trouble == "too-long" {
                p class="warning" { (visit.t("⚠ 量が多いため、途中まで数えました。残りは次回に数えます。", "⚠ There was too much: the rest is counted next time.")) }
            } @else if !row.look.trouble.is_empty() {
                p class="warning" { (visit.t("⚠ 読み取れませんでした：", "⚠ It could not be read: ")) code { (row.look.trouble) } }
            }
            @if let Some((at, by, remark)) = &row.review {
                p { (visit.t("確認：", "Reviewed: ")) (by) " " (visit.lang.moment(*at)) " — " (remark) }
            }
        }
    }
}

/// `GET /console/monitoring/{id}`.
pub(super) async fn one(axum::Extension(visit): At, Path(name): Path<String>) -> Result<Response, Refused> {
    visit.actor()?;
    let (shown, changes, answers) = monitor::look(&visit.desk, &name, visit.now).await?;
    let target = &shown.target;
    let services = if target.services.is_empty() { "-".to_owned() } else { target.services.join("、") };
    let rhythm = visit.t("分ごと", " minutes");
    let rows = [
        (visit.t("状態", "Standing"), standing(&visit, &shown)),
        (visit.t("確認の方法", "How"), html! { (kind(&visit, &shown)) " " code { (target.ask.address()) } }),
        (visit.t("間隔", "Every"), html! { (target.every_minutes) (rhythm) }),
        (visit.t("関係するサービス", "Services"), html! { (services) }),
        (
            visit.t("停止・復旧とみなす回数", "Answers that make a change"),
            html! { (target.damping.failures) " / " (target.damping.successes) },
        ),
    ];
    let rows: Vec<(String, Markup)> =
        rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let body = html! {
        (facts(&rows))
        h2 { (visit.t("月ごとの稼働率", "Availability by month")) }
        (months(&visit, &shown))
        h2 { (visit.t("停止と復旧の履歴", "When it went down and came back")) }
        @if changes.is_empty() { p { (visit.t("ありません。", "None.")) } }
        ul class="rows" {
            @for change in &changes {
                li {
                    @if change.standing == Standing::Up { (badge("good", visit.t("✓ 復旧", "✓ up"))) }
                    @else { (badge("bad", visit.t("✕ 停止", "✕ down"))) }
                    " " (visit.lang.moment(change.since)) " — " (words(&visit, change.answer))
                }
            }
        }
        h2 { (visit.t("最近の確認", "Last answers")) }
        ul class="rows" {
            @for heard in answers.iter().take(20) {
                li {
                    (visit.lang.moment(heard.at)) " — " (words(&visit, heard.answer))
                    @if heard.is_silenced { " (" (visit.t("計画による停止中", "stopped by a window")) ")" }
                }
            }
        }
        p { a class="button plain" href="/console/monitoring" { (visit.t("一覧へ戻る", "Back to the list")) } }
    };
    Ok(Sheet::new(w(format!("監視対象 {name}"), format!("Target {name}")), body).show(&visit))
}

fn months(visit: &Visit, shown: &MonitorShown) -> Markup {
    let heading = visit.t("月ごとの稼働率", "Availability by month");
    html! {
        div class="scroll stack" tabindex="0" role="region" aria-label=(heading) {
            table {
                thead { tr {
                    th scope="col" { (visit.t("月", "Month")) }
                    th scope="col" { (visit.t("稼働率", "Availability")) }
                    th scope="col" { (visit.t("正常", "Good")) }
                    th scope="col" { (visit.t("異常", "Bad")) }
                    th scope="col" { (visit.t("計画停止（数えない）", "By windows (not counted)")) }
                    th scope="col" { (visit.t("確認できず（数えない）", "Not asked (not counted)")) }
                } }
                tbody {
                    @for (month, tally) in &shown.months {
                        tr {
                            th scope="row" { (month) }
                            td class="count" data-label=(visit.t("稼働率", "Availability")) { (share(tally.availability())) }
                            td class="count" data-label=(visit.t("正常", "Good")) { (grouped(tally.good)) }
                            td class="count" data-label=(visit.t("異常", "Bad")) { (grouped(tally.bad)) }
                            td class="count" data-label=(visit.t("計画停止（数えない）", "By windows (not counted)")) { (grouped(tally.silenced)) }
                            td class="count" data-label=(visit.t("確認できず（数えない）", "Not asked (not counted)")) { (grouped(tally.unknown)) }
                        }
                    }
                }
            }
        }
    }
}

/// `POST /console/monitoring/review`.
pub(super) async fn review(axum::Extension(visit): At, Sent(fields): Sent) -> Result<Response, Refused> {
    let (log, remark) = (fields.text("log"), fields.text("remark"));
    let number: u64 = fields.plain("number").parse().map_err(|_| Refused::unreadable_form())?;
    if remark.is_empty() {
        return page(&visit, &Faults::one("remark", form::missing("所見", "what you make of it"))).await;
    }
    logs::review(&visit.desk, (&log, number), &remark, visit.actor()?, visit.now).await?;
    Ok(Redirect::to("/console/monitoring").into_response())
}
