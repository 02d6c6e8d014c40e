//! A month as a table and as a list: occurrences, what lies further ahead, clashes, holidays as far as they are known.

use axum::extract::Query;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Sheet, badge};
use super::refused::Refused;
use super::visit::{At, Visit};
use super::words::{Lang, Words, w};
use crate::domain::calendar::{Holiday, Holidays, weekday};
use crate::domain::occurrence::{OccurrenceState, overlaps};
use crate::domain::time::{Day, Instant};
use crate::domain::window::{Window, WindowKind};
use crate::workflows::desk::tokyo;
use crate::workflows::look::{self, Month};

/// `?month=2026-12`.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    month: Option<String>,
}

/// One line of the list.
struct Entry<'a> {
    day: Day,
    span: (Instant, Instant),
    window: &'a str,
    occurrence: Option<&'a str>,
    state: Option<OccurrenceState>,
    /// Whether a power inspection keeps it from running.
    is_inspected: bool,
}

fn first_day(asked: Option<&str>, today: Day) -> Day {
    let asked = asked.and_then(|month| format!("{month}-01").parse::<Day>().ok());
    let asked = asked.filter(|day| (2000..=2200).contains(&day.date().year()));
    asked.or_else(|| Day::of(today.date().year(), today.date().month(), 1)).unwrap_or(today)
}

fn last_day(first: Day) -> Day {
    Day::of(first.date().year(), first.date().month(), first.date().days_in_month()).unwrap_or(first)
}

fn month_words(first: Day) -> Words {
    let name = crate::domain::calendar::wareki(first);
    let ja = name.split_once("月").map_or_else(|| name.clone(), |(head, _)| format!("{head}月"));
    w(ja, first.date().strftime("%B %Y").to_string())
}

fn address(first: Day) -> String {
    format!("/console/calendar?month={}", first.date().strftime("%Y-%m"))
}

/// `GET /console/calendar`.
pub(super) async fn page(
    axum::Extension(visit): At,
    Query(asked): Query<Asked>,
) -> Result<Response, Refused> {
    let today = tokyo().day_of(visit.now);
    let first = first_day(asked.month.as_deref(), today);
    let last = last_day(first);
    let month = look::month(&visit.desk, (first, last), visit.now).await?;
    let entries = entries(&month);
    let before = first_day(Some(&first.previous().date().strftime("%Y-%m").to_string()), today);
    let words = month_words(first);
    let body = html! {
        nav class="months" aria-label=(visit.t("月の移動", "Months")) {
            a href=(address(before)) { (visit.t("← 前の月", "← Previous month")) }
            a href="/console/calendar" { (visit.t("今月", "This month")) }
            a href=(address(last.next())) { (visit.t("次の月 →", "Next month →")) }
        }
        @if first.date().year() > Holidays::of_japan().last_year() {
            p class="warning" {
                (visit.t("この先の祝日は不明です。", "Holidays of this year are not known yet."))
            }
        }
        (table(&visit, (first, last), today, &entries))
        h2 { (visit.t("予定と結果", "Plans and results")) }
        (list(&visit, &entries, &month.windows))
    };
    let title = w(format!("カレンダー：{}", words.of(Lang::Ja)), format!("Calendar: {}", words.of(Lang::En)));
    Ok(Sheet::new(title, body).show(&visit))
}

fn entries(month: &Month) -> Vec<Entry<'_>> {
    let made = month.made.iter().map(|found| Entry {
        day: found.day,
        span: found.span,
        window: &found.window,
        occurrence: Some(&found.id),
        state: Some(found.state),
        is_inspected: found.is_inspected(&month.inspections),
    });
    let is_inspection = |id: &str| {
        let found = month.windows.iter().find(|window| window.id == id);
        found.is_some_and(|window| window.terms.parts().kind == WindowKind::PowerInspection)
    };
    let expected = month.expected.iter().map(|(window, day, span)| Entry {
        day: *day,
        span: *span,
        window,
        occurrence: None,
        state: None,
        is_inspected: !is_inspection(window) && overlaps(*span, &month.inspections),
    });
    let mut all: Vec<Entry<'_>> = made.chain(expected).collect();
    all.sort_by_key(|entry| entry.span.0);
    all
}

/// The words for a state; `None`: it is not made yet.
pub(super) fn state_words(state: Option<OccurrenceState>) -> (&'static str, Words) {
    match state {
        None => ("unknown", w("予定", "expected")),
        Some(OccurrenceState::Due) => ("unknown", w("周知前", "not announced")),
        Some(OccurrenceState::Announced) => ("plain", w("周知済み", "announced")),
        Some(OccurrenceState::Running) => ("plain", w("▶ 実施中", "▶ running")),
        Some(OccurrenceState::Done) => ("good", w("✓ 完了", "✓ done")),
        Some(OccurrenceState::Missed) => ("bad", w("✕ 未実施", "✕ missed")),
        Some(OccurrenceState::Refused) => ("bad", w("✕ 拒否", "✕ refused")),
        Some(OccurrenceState::Cancelled) => ("unknown", w("－ 中止", "- cancelled")),
    }
}

/// What is said of an occurrence that a power inspection keeps from running.
pub(super) fn inspected() -> Words {
    w(
        "⚠ 電源設備の点検のため、実施されません（第10条）。",
        "⚠ The power supply is inspected: this one will not run (第10条).",
    )
}

fn clashes(entry: &Entry<'_>, all: &[Entry<'_>]) -> Vec<String> {
    let is_open = |entry: &Entry<'_>| entry.state != Some(OccurrenceState::Cancelled);
    let overlaps = |other: &&Entry<'_>| {
        other.window != entry.window
            && other.span.0 < entry.span.1
            && entry.span.0 < other.span.1
            && is_open(other)
    };
    if !is_open(entry) {
        return Vec::new();
    }
    all.iter().filter(overlaps).map(|other| other.window.to_owned()).collect()
}

fn table(visit: &Visit, (first, last): (Day, Day), today: Day, entries: &[Entry<'_>]) -> Markup {
    let offset = i64::from(first.date().weekday().to_sunday_zero_offset());
    let start = (0..offset).fold(first, |day, _| day.previous());
    let days: Vec<Day> = std::iter::successors(Some(start), |day| Some(day.next())).take(42).collect();
    let weeks = days.chunks(7).filter(|week| week.first().is_some_and(|day| *day <= last));
    html! {
        table class="month" {
            caption class="unseen" { (visit.t("月の表。同じ内容が下の一覧にあります。", "The month. The list below says the same.")) }
            thead {
                tr {
                    @for day in days.iter().take(7) {
                        th scope="col" {
                            @match visit.lang {
                                Lang::Ja => (weekday(*day)),
                                Lang::En => (day.date().strftime("%a").to_string()),
                            }
                        }
                    }
                }
            }
            tbody {
                @for week in weeks {
                    tr { @for day in week { (cell(visit, *day, (first, last), today, entries)) } }
                }
            }
        }
    }
}

fn cell(visit: &Visit, day: Day, (first, last): (Day, Day), today: Day, entries: &[Entry<'_>]) -> Markup {
    if day < first || last < day {
        return html! { td class="outside" {} };
    }
    let holiday = Holidays::of_japan().of(day);
    let of_day: Vec<&Entry<'_>> = entries.iter().filter(|entry| entry.day == day).collect();
    html! {
        td aria-current=[(day == today).then_some("date")] {
            span class="day" { (day.date().day()) }
            @if let Holiday::Named(name) = holiday { span class="holiday" { (visit.t("祝", "hol.")) span class="wide" { (name) } } }
            @if !of_day.is_empty() {
                a href={ "#d-" (day) } {
                    span class="wide" { @for entry in &of_day { (visit.lang.time(entry.span.0)) " " } }
                    span class="narrow" { (of_day.len()) }
                    span class="unseen" { (visit.t("件", " entries")) }
                }
            }
        }
    }
}

fn list(visit: &Visit, entries: &[Entry<'_>], windows: &[Window]) -> Markup {
    let mut last: Option<Day> = None;
    let rows = entries.iter().map(|entry| {
        let is_first = last.replace(entry.day) != Some(entry.day);
        row(visit, entry, is_first, entries, windows)
    });
    let rows: Vec<Markup> = rows.collect();
    html! {
        @if rows.is_empty() {
            p { (visit.t("この月の予定はありません。", "Nothing in this month.")) }
        } @else {
            ul class="rows" { @for row in &rows { (row) } }
        }
    }
}

fn row(visit: &Visit, entry: &Entry<'_>, is_first: bool, all: &[Entry<'_>], windows: &[Window]) -> Markup {
    let window = windows.iter().find(|window| window.id == entry.window);
    let (class, words) = state_words(entry.state);
    let address = entry.occurrence.map_or_else(
        || format!("/console/windows/{}", entry.window),
        |id| format!("/console/occurrences/{id}"),
    );
    let clashing = clashes(entry, all);
    html! {
        li id=[is_first.then(|| format!("d-{}", entry.day))] {
            a href=(address) { (visit.lang.span(entry.span, &tokyo())) }
            p {
                (badge(class, visit.words(&words))) " "
                @if let Some(window) = window {
                    (visit.lang.kind(window.terms.parts().kind))
                    @if let Some(plan) = &window.terms.parts().plan { " (" (plan) ")" }
                    " — " (visit.lang.stops(&window.terms))
                } @else { (entry.window) }
            }
            @match Holidays::of_japan().of(entry.day) {
                Holiday::Named(name) => { p { (visit.t("祝日：", "Holiday: ")) (name) } }
                Holiday::Unknown => { p { (visit.t("この先の祝日は不明です。", "Holidays of this year are not known.")) } }
                Holiday::None => {}
            }
            @if entry.is_inspected { p class="warning" { (visit.words(&inspected())) } }
            @if !clashing.is_empty() {
                p class="warning" { (visit.t("⚠ 時間が重なっています：", "⚠ Overlaps with: ")) (clashing.join(", ")) }
            }
        }
    }
}
