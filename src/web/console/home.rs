//! The first page: is everything inside its year safe, what happens next, what waits for me.

use axum::response::Response;
use maud::{Markup, html};

use super::calendar::inspected;
use super::incidents::title;
use super::layout::{Sheet, badge};
use super::permits;
use super::refused::Refused;
use super::services;
use super::visit::{At, Visit};
use super::watch::{self, share};
use super::words::{Lang, Words, grouped, size, w};
use crate::domain::freshness::Freshness;
use crate::domain::role::Act;
use crate::domain::standing::{Standing, Summary};
use crate::workflows::incidents::{self, IncidentRow};
use crate::workflows::lists::{self, AlarmRow};
use crate::workflows::look::{self, Overview, PlanState};
use crate::workflows::service_list::{self, ByHand};

/// How many alarms the first page names.
const ALARMS_MAX: usize = 5;
/// How many incidents the first page names.
const INCIDENTS_MAX: u32 = 5;

/// `GET /console`.
pub(super) async fn page(axum::Extension(visit): At) -> Result<Response, Refused> {
    let overview = look::overview(&visit.desk, visit.now).await?;
    let proofs = lists::coverage(&visit.desk, visit.actor()?, visit.now).await?;
    let proved = lists::standing(&proofs, visit.now);
    let by_hand = service_list::waiting(&visit.desk).await?;
    let open = incidents::list(&visit.desk, false, INCIDENTS_MAX).await?;
    let account = look::account(&visit.desk.catalog, visit.account()?).await?;
    let permit_tasks = permits::tasks(&visit).await?;
    let has_factor = account.is_some_and(|account| account.has_second_factor());
    let body = html! {
        (answer(&visit, &overview, &proved))
        (failing(&visit, &open))
        (alarming(&visit, &overview.alarms, &open))
        (waiting(&visit, &overview, (has_factor, &by_hand), permit_tasks)?)
        (next(&visit, &overview))
        (plans(&visit, &overview))
        (unproved(&visit))
    };
    Ok(Sheet::new(w("ホーム", "Home"), body).show(&visit))
}

/// The worst that can be said of any plan, with the sentence for it.
fn sentence(overview: &Overview, proved: &Summary) -> (&'static str, Words) {
    let count =
        |which: &[Freshness]| overview.plans.iter().filter(|plan| which.contains(&plan.freshness)).count();
    let (bad, without) = (count(&[Freshness::Stale, Freshness::Missing]), count(&[Freshness::NoWindow]));
    if overview.plans.is_empty() {
        return (
            "unknown",
            w(
                "保護する計画がまだありません。計画を作成してください。",
                "There is no plan yet that protects anything: make one.",
            ),
        );
    }
    let gone = overview.plans.iter().filter(|plan| !plan.is_readable).count();
    if gone > 0 {
        let ja = format!(
            "いいえ。{gone}件の計画のファイルがないか、読み取れません。このままではバックアップは実施されません。"
        );
        return (
            "bad",
            w(
                ja,
                format!(
                    "No. The files of {gone} plans are gone or cannot be read: nothing is backed up by them."
                ),
            ),
        );
    }
    if bad > 0 {
        let ja = format!("いいえ。{bad}件の計画に、新しい完全なスナップショットがありません。");
        return ("bad", w(ja, format!("No. {bad} plans have no recent complete snapshot.")));
    }
    proof_sentence(proved, without)
}

/// What the newest proofs say, where no snapshot is missing; `without` counts plans that no window binds.
fn proof_sentence(proved: &Summary, without: usize) -> (&'static str, Words) {
    match proved.standing {
        Standing::Broken => {
            let (count, ja) = (proved.exceptions, "いいえ。保管の確認で例外が見つかりました");
            (
                "bad",
                w(format!("{ja}（{count}件）。"), format!("No. The last check found exceptions: {count}.")),
            )
        }
        _ if without > 0 => (
            "unknown",
            w(
                format!("確認が必要です。{without}件の計画に、承認された実施時間帯がありません。"),
                format!("Look at this: {without} plans have no approved window."),
            ),
        ),
        Standing::Unproved | Standing::NoPlan => (
            "unknown",
            w(
                "バックアップは間隔どおりですが、そろっていることの証明がまだありません。",
                "Snapshots come as often as was decided, but it was not proved yet that all is there.",
            ),
        ),
        Standing::Old => (
            "unknown",
            w(
                "バックアップは間隔どおりですが、そろっていることの証明が2日以上前のものです。",
                "Snapshots come as often as was decided, but the proof that all is there is two days old or more.",
            ),
        ),
        Standing::PastDue => (
            "unknown",
            w(
                "はい。1年以内の記録はそろって保管されています。保管期限を過ぎた記録が、消去を待っています。",
                "Yes. Everything inside its year is kept and whole; something past its time waits to be deleted.",
            ),
        ),
        Standing::Proved => (
            "good",
            w(
                "はい。1年以内の記録は、すべての計画でそろって保管されています。",
                "Yes. In every plan everything inside its year is kept and whole.",
            ),
        ),
    }
}

fn answer(visit: &Visit, overview: &Overview, proved: &Summary) -> Markup {
    let (class, words) = sentence(overview, proved);
    let days: u64 = overview.plans.iter().filter_map(|plan| plan.complete.as_ref()).map(|s| s.cohorts).sum();
    html! {
        section class={ "answer " (class) } aria-label=(visit.t("保管の状況", "Are the records safe")) {
            p class="lead" { (visit.words(&words)) }
            @if let Some(share) = share(proved) {
                p class="number" {
                    strong { (share) } " "
                    (visit.t("1年以内の", "of the days inside their year: ")) (grouped(proved.alive))
                    (visit.t("日分のうち", ", whole: ")) (grouped(proved.whole)) (visit.t("日分がそろっています", ""))
                }
                p {
                    (visit.t("例外 ", "Exceptions: ")) (grouped(proved.exceptions)) (visit.t("件", "")) " / "
                    @if let Some(at) = proved.proved_at {
                        (visit.t("最後の確認：", "Last checked: ")) (visit.lang.moment(at))
                        " (" (visit.lang.ago(at, visit.now)) ")"
                    } @else { (visit.t("まだ証明されていない計画があります", "a plan was never proved")) }
                }
            } @else {
                p class="number" {
                    strong { (grouped(days)) }
                    " " (visit.t("日分（保管区分日）を保管中", "days of records (cohorts) are kept"))
                }
            }
            p { a class="button plain" href="/console/coverage" { (visit.t("保管状況の証明を見る", "See the proof")) } }
        }
    }
}

/// The incidents that are not closed.
fn failing(visit: &Visit, open: &[IncidentRow]) -> Markup {
    html! {
        @if !open.is_empty() {
            section {
                h2 { (visit.t("対応中の障害", "Incidents that are not closed")) }
                ul class="tasks" {
                    @for row in open {
                        li {
                            a href={ "/console/incidents/" (row.incident) } {
                                (row.incident) "（" (visit.t(row.state.japanese(), row.state.word())) "）" (title(visit, row))
                            }
                        }
                    }
                }
                p { a href="/console/incidents" { (visit.t("障害の一覧と、ヘルプデスクの回答を見る", "All incidents, and what the help desk answers")) } }
            }
        }
    }
}

/// What somebody must look after.
fn alarming(visit: &Visit, alarms: &[AlarmRow], open: &[IncidentRow]) -> Markup {
    // What opened an incident stands above already.
    let is_told = |row: &&AlarmRow| {
        open.iter().any(|one| !one.title.is_empty() && row.alarm.japanese.starts_with(&one.title))
    };
    let alarms: Vec<&AlarmRow> = alarms.iter().filter(|row| !is_told(row)).collect();
    html! {
        @if !alarms.is_empty() {
            section {
                h2 { (visit.t("続いている警報", "Alarms that last")) }
                ul class="tasks" {
                    @for row in alarms.iter().take(ALARMS_MAX) { li { a href="/console/alarms" { (watch::sentence(visit, row)) } } }
                }
                @if alarms.len() > ALARMS_MAX {
                    p { (visit.t("ほかにもあります。", "There are more.")) }
                }
            }
        }
    }
}

fn waiting(
    visit: &Visit,
    overview: &Overview,
    (has_factor, by_hand): (bool, &[ByHand]),
    permit_tasks: Vec<(String, String)>,
) -> Result<Markup, Refused> {
    let mine = visit.account()?;
    let decides = visit.may(Act::DecideWindow);
    let asked = overview.requested.iter().filter(|window| decides && window.requested_by != *mine);
    let lapsed = overview.lapsed.iter().filter(|_| visit.may(Act::RequestWindow));
    let failed =
        overview.failed.iter().filter(|_| visit.may(Act::BreakGlass) || visit.may(Act::TakeSnapshot));
    let mut items: Vec<(String, String)> = Vec::new();
    let helps = visit.may(Act::ConfirmService);
    let tasks = by_hand.iter().filter(|_| helps).filter_map(|one| services::task(visit, one));
    items.extend(tasks.map(|text| ("/console/services".to_owned(), text)));
    for window in asked {
        let terms = &window.terms;
        let text = format!(
            "{}：{}（{}）",
            visit.t("承認をお待ちしています", "Waits for your decision"),
            visit.lang.kind(terms.parts().kind),
            visit.lang.recurrence(terms.parts().recurrence)
        );
        items.push((format!("/console/windows/{}", window.id), text));
    }
    for order in overview.orders.iter().filter(|order| order.row.confirmed.is_none()) {
        if visit.may(Act::ConfirmDeletion) && order.row.approved_by != *mine {
            let text = visit.t("消去の確認をお待ちしています", "A deletion waits for your confirmation");
            items.push((format!("/console/deletion/orders/{}", order.row.digest), text.to_owned()));
        }
    }
    items.extend(permit_tasks);
    if overview.due > 0 && overview.orders.is_empty() && visit.may(Act::ApproveDeletion) {
        let text = visit.t(
            "保管期限を過ぎた記録の消去を承認してください",
            "Approve the deletion of what is past its time",
        );
        items.push(("/console/deletion/due".to_owned(), format!("{text}（{}）", overview.due)));
    }
    for found in overview.to_report.iter().filter(|found| decides && found.has_report()) {
        let text = visit.t("緊急実施の報告を確認してください：", "See the report of a break-glass: ");
        let address = format!("/console/occurrences/{}", found.id);
        items.push((address, format!("{text}{}", visit.lang.day(found.day))));
    }
    for window in lapsed {
        let text =
            visit.t("承認が失効しました。もう一度申請してください：", "The approval lapsed; ask again: ");
        items.push((format!("/console/windows/{}", window.id), format!("{text}{}", window.id)));
    }
    for found in failed {
        let text = visit.t("実施されませんでした：", "Did not run: ");
        items.push((
            format!("/console/occurrences/{}", found.id),
            format!("{text}{}", visit.lang.day(found.day)),
        ));
    }
    if !has_factor {
        let text = visit.t("二要素認証を設定してください", "Set up your second factor");
        items.push(("/console/own/factor".to_owned(), text.to_owned()));
    }
    Ok(html! {
        section {
            h2 { (visit.t("あなたの対応を待っているもの", "What waits for you")) }
            @if items.is_empty() {
                p { (visit.t("ありません。", "Nothing.")) }
            } @else {
                ul class="tasks" { @for (address, text) in &items { li { a href=(address) { (text) } } } }
            }
        }
    })
}

fn next(visit: &Visit, overview: &Overview) -> Markup {
    html! {
        section {
            h2 { (visit.t("これからの予定", "What happens next")) }
            @if overview.next.is_empty() {
                p { (visit.t("承認された予定はありません。", "Nothing approved lies ahead.")) }
            } @else {
                ul class="rows" {
                    @for (found, window) in &overview.next {
                        li {
                            a href={ "/console/occurrences/" (found.id) } {
                                @if let Some(window) = window {
                                    (visit.lang.span(found.span, &window.terms.parts().zone))
                                } @else { (visit.lang.moment(found.span.0)) }
                            }
                            @if found.is_inspected(&overview.inspections) {
                                p class="warning" { (visit.words(&inspected())) }
                            }
                            @if let Some(window) = window {
                                p {
                                    (visit.lang.kind(window.terms.parts().kind)) " — "
                                    (visit.lang.stops(&window.terms))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn state(visit: &Visit, plan: &PlanState) -> Markup {
    if !plan.is_readable {
        return badge("bad", visit.t("✕ 計画を読み取れません", "✕ plan cannot be read"));
    }
    match plan.freshness {
        Freshness::Fresh => badge("good", visit.t("✓ 間隔どおり", "✓ on time")),
        Freshness::NoWindow => badge("unknown", visit.t("？ 時間帯なし", "? no window")),
        Freshness::Stale => badge("bad", visit.t("✕ 古い", "✕ too old")),
        Freshness::Missing => badge("bad", visit.t("✕ なし", "✕ none")),
    }
}

fn plans(visit: &Visit, overview: &Overview) -> Markup {
    let newest = visit.t("最新の完全なスナップショット", "Newest complete snapshot");
    let (days, bytes) = (visit.t("日数", "Days"), visit.t("データ量", "Size"));
    html! {
        section {
            h2 { (visit.t("計画ごとの状況", "Each plan")) }
            div class="scroll stack" tabindex="0" role="region" aria-label=(visit.t("計画ごとの状況", "Each plan")) {
                table {
                    thead {
                        tr {
                            th scope="col" { (visit.t("計画", "Plan")) }
                            th scope="col" { (visit.t("状態", "State")) }
                            th scope="col" { (newest) }
                            th scope="col" { (days) }
                            th scope="col" { (bytes) }
                        }
                    }
                    tbody {
                        @for plan in &overview.plans {
                            tr {
                                th scope="row" {
                                    a href={ "/console/restore-points?plan=" (plan.plan) } { (plan.plan) }
                                }
                                td data-label=(visit.t("状態", "State")) { (state(visit, plan)) }
                                @if let Some(snapshot) = &plan.complete {
                                    td data-label=(newest) {
                                        (visit.lang.ago(snapshot.taken_at, visit.now))
                                        " (" (visit.lang.moment(snapshot.taken_at)) ")"
                                        @if plan.is_partial_since {
                                            p { (visit.t("その後のものは一部だけです。", "What came after it is partial.")) }
                                        }
                                    }
                                    td class="count" data-label=(days) { (grouped(snapshot.cohorts)) }
                                    td class="count" data-label=(bytes) { (size(snapshot.bytes)) }
                                } @else {
                                    td data-label=(newest) { (visit.t("まだありません", "None yet")) }
                                    td class="count" data-label=(days) { "0" }
                                    td class="count" data-label=(bytes) { "-" }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What the page cannot promise.
fn unproved(visit: &Visit) -> Markup {
    html! {
        section class="note" {
            h2 { (visit.t("まだ証明されていないこと", "What is not proved yet")) }
            ul {
                @match visit.lang {
                    Lang::Ja => {
                        li { "この画面は台帳の記録です。保管先のデータを今読み出したものではありません。" }
                        li { "復旧鍵で中身を開けるかどうかは、復元の訓練（kura drill）で確かめます。" }
                        li { "保管期限が過ぎた記録は、承認を受けてから消去します。消去の記録は kura certificate list で確かめます。" }
                    }
                    Lang::En => {
                        li { "This page is what the catalog says. Nothing was read from the store just now." }
                        li { "Whether a recovery key opens what is kept is tried out by drills (`kura drill`)." }
                        li { "Records past their year are deleted once that is approved: `kura certificate list` shows what was." }
                    }
                }
            }
        }
    }
}
