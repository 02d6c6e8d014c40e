//! How far an extract or its plan is: numbers that grow each time the page is opened, by itself every few seconds.

use maud::{Markup, html};

use super::refused::Refused;
use super::visit::Visit;
use super::words::{Lang, grouped};
use crate::config::Home;
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::workflows::extracts::{Course, SearchCourse, Work, course};

/// So often the page opens itself again while something is made.
const REFRESH_SECONDS: u32 = 5;

/// What is being made under a permit, and how often to look again; nothing if nothing is.
pub(super) fn under_way(visit: &Visit, home: &Home, permit: &str) -> Result<(Markup, Option<u32>), Refused> {
    let by = visit.actor()?;
    let run = course(home, permit, Work::Run, by)?;
    let plan = course(home, permit, Work::Plan, by)?;
    let refresh = (run.is_some() || plan.is_some()).then_some(REFRESH_SECONDS);
    let body = html! {
        @if let Some(run) = run {
            (section(visit, visit.t("抽出を実施しています", "An extract is being made"), &run))
            p {
                (visit.t("この画面を閉じても、抽出は続きます。", "You may close this page: the work goes on."))
                @if visit.may(Act::ExecutePermit) {
                    " "
                    a href={ "/console/extracts/" (permit) "/cancel" } {
                        (visit.t("途中で中止することもできます。", "It can be cancelled."))
                    }
                }
            }
        }
        @if let Some(plan) = plan {
            (section(visit, visit.t("抽出を試算しています", "An extract is being planned"), &plan))
            p {
                (visit.t(
                    "この画面を閉じても、試算は続きます。中止するには、「kura extract plan」を実行した端末でCtrl+Cを押してください。データは渡りません。",
                    "You may close this page: the work goes on. To cancel it, press Ctrl+C where `kura extract plan` runs. Nothing is handed over.",
                ))
            }
        }
    };
    Ok((body, refresh))
}

fn section(visit: &Visit, title: &str, course: &Course) -> Markup {
    html! {
        section class="note" {
            h2 { (title) }
            p { (visit.t("開始からの時間：", "Since it began: ")) (elapsed(visit.lang, course.begun_at(), visit.now)) }
            @match course.search() {
                Some(search) => { (bar(visit, &search)) }
                None => { p { (visit.t("元データを読んでいます。", "Reading the source.")) } }
            }
        }
    }
}

fn bar(visit: &Visit, search: &SearchCourse) -> Markup {
    let (done, of) = search.done();
    html! {
        @if of > 0 {
            progress max=(of) value=(done) aria-label=(visit.t("進み具合", "Progress")) {}
        }
        p {
            (visit.t("ぼかし方の組合せ：", "Choices of levels: "))
            @if search.is_exact {
                (grouped(of)) (visit.t("通りのうち", " in all, "))
                (grouped(done)) (visit.t("通りの採否が決まりました", " decided"))
            } @else {
                (grouped(search.nodes)) (visit.t("通り。多いため、途中で打ち切ります。", " in all, too many to search all. "))
                (grouped(done)) (visit.t("通りを計算しました", " looked at"))
                @if of > 0 { (visit.t("（上限 ", " (at most ")) (grouped(of)) (visit.t("通り）", ")")) }
            }
            (visit.t("。", "."))
        }
    }
}

/// From one moment to another, to the second.
fn elapsed(lang: Lang, from: Instant, until: Instant) -> String {
    let seconds = until.as_seconds().saturating_sub(from.as_seconds()).max(0);
    let (minutes, seconds) = (seconds.div_euclid(60), seconds.rem_euclid(60));
    match lang {
        Lang::Ja => format!("{minutes}分{seconds}秒"),
        Lang::En => format!("{minutes} min {seconds} s"),
    }
}
