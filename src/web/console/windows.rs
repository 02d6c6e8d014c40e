//! Windows: the list, and one with all that somebody must see who decides about it.

use axum::extract::{Path, Query};
use axum::response::Response;
use maud::{Markup, html};

use super::calendar::state_words;
use super::layout::{Sheet, badge, facts};
use super::paging::{After, older};
use super::refused::Refused;
use super::visit::{At, Visit};
use super::words::{Lang, Words, w};
use crate::domain::calendar::{Holiday, wareki};
use crate::domain::preview::Previewed;
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::domain::window::{LAPSE_REASON, Terms, Window, WindowKind, WindowState};
use crate::domain::window_changes::{WindowChange, changes};
use crate::workflows::desk::tokyo;
use crate::workflows::lists::{self, LIST_PAGE};
use crate::workflows::look::{self, WindowSheet};

/// A state in words.
pub(super) fn state(visit: &Visit, state: &WindowState) -> Markup {
    let (class, en) = match state {
        WindowState::Requested => ("plain", "requested"),
        WindowState::Approved(_) => ("good", "approved"),
        WindowState::Returned { .. } => ("bad", "returned"),
        WindowState::Withdrawn { .. } => ("unknown", "withdrawn"),
        WindowState::Lapsed { .. } => ("bad", "lapsed"),
        WindowState::Ended { .. } => ("unknown", "ended"),
    };
    badge(class, visit.t(state.japanese(), en))
}

/// `GET /console/windows`.
pub(super) async fn list(
    axum::Extension(visit): At,
    Query(after): Query<After>,
) -> Result<Response, Refused> {
    let (desk, by) = (&visit.desk, visit.actor()?);
    let alive = if after.is_first() { lists::windows_alive(desk, by).await? } else { Vec::new() };
    let closed = lists::windows_closed(desk, by, &after.place(), LIST_PAGE).await?;
    let body = html! {
        @if visit.may(Act::RequestWindow) {
            p { a class="button main" href="/console/windows/new" { (visit.t("実施時間帯を申請する", "Ask for a window")) } }
        }
        @if after.is_first() {
            h2 { (visit.t("申請中・承認済み", "Requested and approved")) }
            (rows(&visit, &alive))
        }
        h2 { (visit.t("終わったもの", "Closed")) }
        (rows(&visit, &closed.rows))
        (older(&visit, "/console/windows", None, closed.next.as_ref()))
    };
    Ok(Sheet::new(w("実施時間帯", "Windows"), body).show(&visit))
}

fn rows(visit: &Visit, windows: &[Window]) -> Markup {
    html! {
        @if windows.is_empty() { p { (visit.t("ありません。", "None.")) } }
        ul class="rows" {
            @for window in windows {
                @let parts = window.terms.parts();
                li {
                    a href={ "/console/windows/" (window.id) } {
                        (visit.lang.kind(parts.kind)) " — " (visit.lang.recurrence(parts.recurrence))
                    }
                    p {
                        (state(visit, &window.state)) " " (window.id)
                        @if let Some(plan) = &parts.plan { " / " (visit.t("計画", "plan")) " " (plan) }
                        " / " (visit.lang.stops(&window.terms))
                    }
                }
            }
        }
    }
}

/// What is asked for, as a list.
pub(super) fn terms_facts(visit: &Visit, terms: &Terms) -> Vec<(String, Markup)> {
    let parts = terms.parts();
    let last =
        parts.last_day.map_or_else(|| visit.t("期限なし", "no end").to_owned(), |day| visit.lang.day(day));
    let plan = parts.plan.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let mut rows = vec![
        (visit.t("種類", "Kind"), visit.lang.kind(parts.kind).to_owned()),
        (visit.t("日時", "When"), visit.lang.recurrence(parts.recurrence)),
        (visit.t("長さ", "Length"), visit.lang.length(parts.length_minutes)),
        (visit.t("サービスの停止", "Services"), visit.lang.stops(terms)),
        (visit.t("対象の計画", "Plan"), plan),
        (visit.t("開始日", "First day"), visit.lang.day(parts.first_day)),
        (visit.t("最終日", "Last day"), last),
    ];
    if parts.zone.name() != "Asia/Tokyo" {
        rows.push((visit.t("タイムゾーン", "Time zone"), parts.zone.name().to_owned()));
    }
    rows.into_iter().map(|(name, value)| (name.to_owned(), html! { (value) })).collect()
}

/// What the approval of a window means for the one whose place it takes.
pub(super) fn replacing_words() -> Words {
    w(
        "（承認されると、まだ始まっていない回もすべて中止になります。新しい時間帯の最初の実施までは、バックアップがありません）",
        "(which ends with the approval, with everything that has not begun: until the first run of the new one there is no backup)",
    )
}

/// When users are told.
fn announcement(visit: &Visit, sheet: &WindowSheet) -> Words {
    let terms = &sheet.window.terms;
    if !matches!(sheet.window.state, WindowState::Requested | WindowState::Approved(_)) {
        return w(
            "有効な承認がないため、これ以上お知らせを掲載しません。",
            "There is no approval that holds: nothing more is published.",
        );
    }
    let lead = visit.desk.lead_of(terms);
    if terms.parts().kind == WindowKind::PowerInspection {
        return inspection_words(lead);
    }
    let (today, first) = (
        terms.parts().zone.day_of(visit.now),
        sheet.preview.iter().find(|row| !row.is_too_early).map(|row| row.day),
    );
    let ja = first.map_or_else(
        || "実施できる回がありません。".to_owned(),
        |day| format!("最初の実施は{}です（開始の{lead}日前までの周知が必要です）。", wareki(day)),
    );
    let en = first.map_or_else(
        || "No occurrence can run.".to_owned(),
        |day| format!("The first run is on {} (users are told {lead} days before).", Lang::En.day(day)),
    );
    if sheet.window.approval().is_some() {
        return w(format!("承認時に掲載しました。{ja}"), format!("Published with the approval. {en}"));
    }
    w(
        format!("本日（{}）承認すると、ただちにお知らせを掲載します。{ja}", wareki(today)),
        format!("If approved today ({}), the notice is published at once. {en}", Lang::En.day(today)),
    )
}

/// When users are told of a power inspection.
pub(super) fn inspection_words(lead: u32) -> Words {
    if lead == 0 {
        return w("承認と同時に掲載します。", "Published with the approval.");
    }
    w(
        format!("承認と同時に掲載します。サービスが停止するため、開始の{lead}日前までに承認してください。"),
        format!("Published with the approval. Services are down: approve it {lead} days before its start."),
    )
}

fn change_words(change: WindowChange, terms: &Terms, lang: Lang) -> String {
    let parts = terms.parts();
    let day = |day| lang.day(day);
    match change {
        WindowChange::Recurrence => lang.recurrence(parts.recurrence),
        WindowChange::Length => lang.length(parts.length_minutes),
        WindowChange::Stops => lang.stops(terms),
        WindowChange::FirstDay => format!("{}{}", lang.t("開始日 ", "first day "), day(parts.first_day)),
        WindowChange::LastDay => parts.last_day.map_or_else(
            || lang.t("期限なし", "no end").to_owned(),
            |last| format!("{}{}", lang.t("最終日 ", "last day "), day(last)),
        ),
        WindowChange::Zone => parts.zone.name().to_owned(),
    }
}

/// 前回からの変更点.
fn differences(visit: &Visit, sheet: &WindowSheet) -> Markup {
    let Some(before) = &sheet.before else {
        return html! { (visit.t("初めての申請です（前回の承認はありません）。", "This is the first one: nothing was approved before.")) };
    };
    let changed = changes(&before.terms, &sheet.window.terms);
    html! {
        @if changed.is_empty() && sheet.is_plan_unchanged == Some(true) {
            (visit.t("前回の承認から変更はありません。", "Nothing has changed since the last approval."))
        } @else {
            ul {
                @for change in changed {
                    li {
                        (change_words(change, &before.terms, visit.lang)) " → "
                        strong { (change_words(change, &sheet.window.terms, visit.lang)) }
                    }
                }
                @if sheet.digest.is_none() {
                    li { (visit.t("計画のファイルがないか、読み取れないため、計画の内容は比べられません。", "The plan's file is gone or cannot be read: its content cannot be compared.")) }
                } @else if sheet.is_plan_unchanged != Some(true) {
                    li { (visit.t("計画の内容（対象・保管期間・復旧鍵）が変わりました。", "The plan's content (sources, retention, recovery keys) has changed.")) }
                }
            }
        }
        " (" (visit.t("前回：", "last time: ")) a href={ "/console/windows/" (before.id) } { (before.id) } ")"
    }
}

/// The next occurrences, with what speaks against them.
pub(super) fn preview(visit: &Visit, rows: &[Previewed], terms: &Terms) -> Markup {
    let zone = &terms.parts().zone;
    let is_inspection = terms.parts().kind == WindowKind::PowerInspection;
    html! {
        @if rows.is_empty() { p { (visit.t("予定される回はありません。", "No occurrence lies ahead.")) } }
        ol class="rows" {
            @for row in rows {
                li {
                    (visit.lang.span(row.span, zone))
                    @match row.holiday {
                        Holiday::Named(name) => { " " (badge("plain", visit.t("祝日", "holiday"))) " " (name) }
                        Holiday::Unknown => { p { (visit.t("この先の祝日は不明です。", "Holidays of this year are not known.")) } }
                        Holiday::None => {}
                    }
                    @if row.is_too_early && is_inspection {
                        p class="warning" { (visit.t("⚠ 周知の期間が足りません。利用者への連絡を別に検討してください。", "⚠ Users are told later than they should be: tell them in another way too.")) }
                    } @else if row.is_too_early {
                        p class="warning" { (visit.t("⚠ 周知の期間が足りないため、この回は実施されません。", "⚠ Too early for the notice: this one will not run.")) }
                    }
                    @if !row.clashes.is_empty() {
                        p class="warning" { (visit.t("⚠ 時間が重なっています：", "⚠ Overlaps with: ")) (row.clashes.join(", ")) }
                    }
                }
            }
        }
    }
}

/// The sheet that is decided about.
pub(super) fn sheet_body(visit: &Visit, sheet: &WindowSheet) -> Markup {
    let mut rows = terms_facts(visit, &sheet.window.terms);
    let asked = format!("{}（{}）", sheet.window.requested_by, visit.lang.moment(sheet.window.requested_at));
    rows.push((visit.t("前回からの変更点", "Changes since last time").to_owned(), differences(visit, sheet)));
    let told = announcement(visit, sheet);
    rows.push((visit.t("利用者への周知", "When users are told").to_owned(), html! { (visit.words(&told)) }));
    rows.push((visit.t("申請者", "Asked for by").to_owned(), html! { (asked) }));
    if let Some(old) = &sheet.replaces {
        let name = visit.t("変更する時間帯", "Takes the place of").to_owned();
        rows.push((
            name,
            html! {
                a href={ "/console/windows/" (old) } { (old) }
                " " (visit.words(&replacing_words()))
            },
        ));
    }
    if !sheet.replaced_by.is_empty() {
        let name = visit.t("変更の申請", "Changes that were asked for").to_owned();
        rows.push((
            name,
            html! { @for new in &sheet.replaced_by { a href={ "/console/windows/" (new) } { (new) } " " } },
        ));
    }
    facts(&rows)
}

/// `GET /console/windows/{id}`.
pub(super) async fn one(axum::Extension(visit): At, Path(id): Path<String>) -> Result<Response, Refused> {
    let sheet = look::window(&visit.desk, &id, visit.now).await?;
    let window = &sheet.window;
    let body = html! {
        p { (state(&visit, &window.state)) }
        (history(&visit, &window.state))
        (sheet_body(&visit, &sheet))
        (buttons(&visit, &sheet)?)
        @if matches!(window.state, WindowState::Requested | WindowState::Approved(_)) {
            h2 { (visit.t("これからの12回", "The next twelve")) }
            (preview(&visit, &sheet.preview, &window.terms))
        }
        @if !sheet.occurrences.is_empty() {
            h2 { (visit.t("実施回", "Occurrences")) }
            ul class="rows" {
                @for found in &sheet.occurrences {
                    @let (class, words) = state_words(Some(found.state));
                    li {
                        a href={ "/console/occurrences/" (found.id) } { (visit.lang.day(found.day)) }
                        " " (badge(class, visit.words(&words)))
                    }
                }
            }
        }
    };
    Ok(Sheet::new(w(format!("実施時間帯 {id}"), format!("Window {id}")), body).show(&visit))
}

/// Where it stands, and how it came there.
fn history(visit: &Visit, state: &WindowState) -> Markup {
    let at = |at: Instant| visit.lang.moment(at);
    html! {
        @match state {
            WindowState::Approved(approval) => {
                p { (visit.t("承認番号：", "Approval: ")) strong { (approval.number) } " — " (approval.by) " " (at(approval.at)) }
            }
            WindowState::Returned { by, at: when, reason } => {
                p { (visit.t("差戻しの理由：", "Returned because: ")) (reason) " — " (by) " " (at(*when)) }
            }
            WindowState::Withdrawn { at: when, reason } => {
                p { (visit.t("取下げの理由：", "Withdrawn because: ")) (reason) " — " (at(*when)) }
            }
            WindowState::Lapsed { at: when, reason } => {
                @let why = if reason == LAPSE_REASON {
                    visit.t("承認後に計画・復旧鍵・日時のいずれかが変更されました。", LAPSE_REASON)
                } else { reason.as_str() };
                p { (visit.t("失効の理由：", "Lapsed because: ")) (why) " — " (at(*when)) }
            }
            WindowState::Ended { at: when } => { p { (visit.t("終了：", "Ended: ")) (at(*when)) } }
            WindowState::Requested => {}
        }
    }
}

/// What may be done with it, by this visitor.
fn buttons(visit: &Visit, sheet: &WindowSheet) -> Result<Markup, Refused> {
    let window = &sheet.window;
    let is_requested = window.state == WindowState::Requested;
    let is_own = window.requested_by == *visit.account()?;
    let decides = is_requested && visit.may(Act::DecideWindow) && !is_own;
    let withdraws = (is_requested || window.approval().is_some()) && visit.may(Act::RequestWindow);
    // The form speaks of Tokyo: a window of another zone is changed on the command line.
    let changes = window.approval().is_some()
        && visit.may(Act::RequestWindow)
        && window.terms.parts().zone.name() == tokyo().name();
    let seen = sheet.digest.map(hex::encode).unwrap_or_default();
    let base = format!("/console/windows/{}", window.id);
    Ok(html! {
        @if is_requested && sheet.digest.is_none() {
            p class="warning" { (visit.t("⚠ 計画を読み取れないため、承認できません。", "⚠ The plan cannot be read: nothing can be approved.")) }
        }
        div class="buttons" {
            @if decides && sheet.digest.is_some() {
                a class="button main" href={ (base) "/approve?seen=" (seen) } { (visit.t("承認へ進む", "Approve …")) }
            }
            @if decides {
                a class="button plain" href={ (base) "/return" } { (visit.t("差戻しへ進む", "Return …")) }
            }
            @if changes {
                a class="button plain" href={ "/console/windows/new?replaces=" (window.id) } {
                    (visit.t("この時間帯を変更する", "Change this window …"))
                }
            }
            @if withdraws {
                a class="button plain" href={ (base) "/withdraw" } { (visit.t("取下げへ進む", "Withdraw …")) }
            }
            @if window.approval().is_some() {
                a class="button plain" href={ (base) "/approval" } { (visit.t("承認の控え（印刷用）", "Record of the approval, to print")) }
            }
        }
    })
}
