//! Asking for a window: the form, the page that shows what it means, and the act.

use axum::extract::Query;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::form::{self, Faults, Fields, Line, missing};
use super::layout::{Sheet, facts};
use super::refused::{Refused, terms_words};
use super::visit::{At, Sent, Visit};
use super::windows::{inspection_words, preview, replacing_words, terms_facts};
use super::words::{Words, w};
use crate::domain::recurrence::Recurrence;
use crate::domain::time::{TimeOfDay, Zone};
use crate::domain::window::{BadTerms, Terms, TermsParts, WindowKind};
use crate::workflows::desk::tokyo;
use crate::workflows::{look, windows};

/// The fields of the form, as they go along to the second page.
const FIELDS: [&str; 10] =
    ["kind", "plan", "monthly", "once", "start", "hours", "stops", "first_day", "last_day", "replaces"];

/// `?replaces=`: the window that is to be changed.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    replaces: Option<String>,
}

fn title(fields: &Fields) -> Words {
    match fields.raw("replaces") {
        "" => w("実施時間帯の申請", "Ask for a window"),
        old => w(format!("実施時間帯 {old} の変更の申請"), format!("Ask for a change of window {old}")),
    }
}

fn kinds(visit: &Visit) -> Vec<(String, String)> {
    WindowKind::ALL
        .into_iter()
        .map(|kind| (kind.word().to_owned(), visit.lang.kind(kind).to_owned()))
        .collect()
}

/// The days of a month that can be chosen.
fn month_days(visit: &Visit) -> Vec<(String, String)> {
    let weekdays = [
        ("sunday", "日曜日", "Sunday"),
        ("monday", "月曜日", "Monday"),
        ("tuesday", "火曜日", "Tuesday"),
        ("wednesday", "水曜日", "Wednesday"),
        ("thursday", "木曜日", "Thursday"),
        ("friday", "金曜日", "Friday"),
        ("saturday", "土曜日", "Saturday"),
    ];
    let orders = [
        ("first", "第1", "first"),
        ("second", "第2", "second"),
        ("third", "第3", "third"),
        ("fourth", "第4", "fourth"),
        ("last", "最終", "last"),
    ];
    let mut days = vec![(String::new(), visit.t("（毎月ではない）", "(not monthly)").to_owned())];
    for (order, ja_order, en_order) in orders {
        days.extend(weekdays.iter().map(|(word, ja, en)| {
            let shown = match visit.lang {
                super::words::Lang::Ja => format!("{ja_order}{ja}"),
                super::words::Lang::En => format!("{en_order} {en}"),
            };
            (format!("{order} {word}"), shown)
        }));
    }
    days.extend((1..=28).map(|day| {
        (day.to_string(), visit.t("毎月", "day ").to_owned() + &day.to_string() + visit.t("日", ""))
    }));
    days.push(("last day".to_owned(), visit.t("末日", "last day").to_owned()));
    days
}

fn render(visit: &Visit, fields: &Fields, faults: &Faults) -> Markup {
    let value = |name: &str| fields.raw(name).to_owned();
    let none =
        (String::new(), visit.t("（計画なし：電源設備の点検）", "(none: power inspection)").to_owned());
    let plans = visit.desk.contents.keys().map(|name| (name.clone(), name.clone()));
    let plans: Vec<(String, String)> = plans.chain([none]).collect();
    let is_change = !fields.raw("replaces").is_empty();
    let day_hint = || w("例：2026-12-06、令和8年12月6日。全角でも入力できます。", "For example 2026-12-06.");
    let inside = html! {
        @if is_change { (unchanged(visit, fields)) } @else {
            (form::choice(visit, ("kind", &w("種類", "Kind")), &kinds(visit), &value("kind"), faults))
            (form::choice(visit, ("plan", &w("対象の計画", "Plan")), &plans, &value("plan"), faults))
        }
        (form::choice(visit, ("monthly", &w("毎月の場合：実施する日", "If monthly: the day")), &month_days(visit), &value("monthly"), faults))
        (Line::text("once", w("1回だけの場合：実施する日", "If once: the day"), value("once")).optional()
            .hint(w("維持管理作業と電源設備の点検で使用します。毎日・毎月のときは空欄にします。", "For maintenance and power inspections; else leave it empty."))
            .show(visit, faults))
        (Line::text("start", w("開始時刻", "Start"), value("start"))
            .hint(w("24時間で入力します。例：1:00", "24 hours, for example 1:00")).show(visit, faults))
        (Line::text("hours", w("長さ（時間:分）", "Length (hours:minutes)"), value("hours"))
            .hint(w("24時間まで。例：4:00", "Up to 24 hours, for example 4:00")).show(visit, faults))
        (form::area(visit, ("stops", &w("停止するサービス", "Services that stop")),
            Some(&w("利用者が知っている名前を1行に1つ。停止しない場合は空欄にします。停止できるのは毎月のバックアップと維持管理だけです（第21条③）。電源設備の点検では、点検のために使えなくなるサービスを書きます。",
                "One a line, by the names that users know; empty if nothing stops. Only monthly backups and maintenance may stop services (第21条③); for a power inspection, what is down during it.")),
            &value("stops"), (false, faults)))
        (Line::text("first_day", w("開始日", "First day"), value("first_day")).hint(day_hint()).show(visit, faults))
        (Line::text("last_day", w("最終日", "Last day"), value("last_day")).optional().hint(day_hint()).show(visit, faults))
        (form::button("main", visit.t("確認へ進む", "Go on to check it")))
    };
    html! {
        p { (visit.t("まだ何も実施されません。次の画面で内容を確かめてから申請します。", "Nothing happens yet. The next page shows what it means.")) }
        @if is_change {
            p {
                (visit.t(
                    "この申請が承認されるまで、今の時間帯は変わりません。承認されると、今の時間帯は終わり、利用者へのお知らせは自動的に訂正されます。",
                    "The window stays as it is until this is approved; then it ends, and its notices are corrected.",
                ))
            }
        }
        (faults.summary(visit))
        (form::form(visit, "/console/windows/new", &inside))
    }
}

/// What a change leaves as it is: kind and plan.
fn unchanged(visit: &Visit, fields: &Fields) -> Markup {
    let kind = WindowKind::of_word(fields.raw("kind")).map_or("-", |kind| visit.lang.kind(kind));
    let plan = if fields.raw("plan").is_empty() { "-" } else { fields.raw("plan") };
    let rows = [
        (visit.t("変更する時間帯", "The window that changes"), fields.raw("replaces")),
        (visit.t("種類", "Kind"), kind),
        (visit.t("対象の計画", "Plan"), plan),
    ];
    let rows: Vec<(String, Markup)> =
        rows.into_iter().map(|(name, value)| (name.to_owned(), html! { (value) })).collect();
    html! {
        (facts(&rows))
        @for name in ["kind", "plan", "replaces"] { (form::hidden(name, fields.raw(name))) }
    }
}

/// The fields of a new request. Where there is one plan, that is the one.
fn fresh(visit: &Visit) -> Fields {
    let today = tokyo().day_of(visit.now).to_string();
    let mut plans = visit.desk.contents.keys();
    let only = plans.next().filter(|_| plans.next().is_none()).map_or("", String::as_str);
    let preset = [
        ("kind", "daily"),
        ("plan", only),
        ("start", "2:00"),
        ("hours", "4:00"),
        ("first_day", today.as_str()),
    ];
    Fields::new(preset.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
}

/// The fields of a change, filled with the terms as they are; its first day is today at the earliest.
fn filled(visit: &Visit, old: &str, terms: &Terms) -> Fields {
    let parts = terms.parts();
    let (monthly, once) = match parts.recurrence {
        Recurrence::Daily(_) => (String::new(), String::new()),
        Recurrence::Monthly(day, _) => (day.to_string(), String::new()),
        Recurrence::Once(day, _) => (String::new(), day.to_string()),
    };
    let length = parts.length_minutes;
    let pairs = [
        ("kind", parts.kind.word().to_owned()),
        ("plan", parts.plan.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("monthly", monthly),
        ("once", once),
        ("start", parts.recurrence.time().to_string()),
        ("hours", format!("{}:{:02}", length.div_euclid(60), length.rem_euclid(60))),
        ("stops", parts.stops.join("\n")),
        ("first_day", parts.first_day.max(tokyo().day_of(visit.now)).to_string()),
        ("last_day", parts.last_day.map(|day| day.to_string()).unwrap_or_default()),
        ("replaces", old.to_owned()),
    ];
    Fields::new(pairs.map(|(name, value)| (name.to_owned(), value)).to_vec())
}

/// `GET /console/windows/new`.
pub(super) async fn page(
    axum::Extension(visit): At,
    Query(asked): Query<Asked>,
) -> Result<Response, Refused> {
    let fields = match asked.replaces.filter(|old| !old.is_empty()) {
        Some(old) => filled(&visit, &old, &look::to_move(&visit.desk, &old).await?),
        None => fresh(&visit),
    };
    Ok(Sheet::new(title(&fields), render(&visit, &fields, &Faults::default())).show(&visit))
}

/// The window that a form changes, if it does.
fn replaces(fields: &Fields) -> Option<&str> {
    Some(fields.raw("replaces")).filter(|old| !old.is_empty())
}

fn length(text: &str) -> Option<u32> {
    let plain = crate::domain::time::half_width(text).trim().replace("時間", ":").replace('分', "");
    let (hours, minutes) = plain.split_once(':').unwrap_or((&plain, ""));
    let minutes = if minutes.is_empty() { 0 } else { minutes.parse::<u32>().ok()? };
    hours.parse::<u32>().ok()?.checked_mul(60)?.checked_add(minutes).filter(|_| minutes < 60)
}

fn recurrence(
    fields: &Fields,
    kind: WindowKind,
    start: TimeOfDay,
    faults: &mut Faults,
) -> Option<Recurrence> {
    let (monthly, once) = (fields.plain("monthly"), fields.plain("once"));
    match (kind, monthly.is_empty(), once.is_empty()) {
        (WindowKind::Daily, true, true) => return Some(Recurrence::Daily(start)),
        (WindowKind::Daily, false, _) => {
            faults.add(
                "monthly",
                w(
                    "毎日の場合は「毎月ではない」を選んでください。",
                    "A daily window has no day of the month.",
                ),
            );
        }
        (_, false, true) => match monthly.parse() {
            Ok(day) => return Some(Recurrence::Monthly(day, start)),
            Err(_) => faults.add("monthly", w("毎月の日を選んでください。", "Choose a day of the month.")),
        },
        (WindowKind::Daily, true, false) => {
            faults.add(
                "once",
                w("毎日の場合は空欄にしてください。", "A daily window has no day: leave this empty."),
            );
        }
        (_, true, false) => match form::day(&once) {
            Some(day) => return Some(Recurrence::Once(day, start)),
            None => faults.add("once", day_fault()),
        },
        (WindowKind::Monthly | WindowKind::Maintenance, true, true) => {
            faults.add("monthly", w("実施する日を選んでください。", "Choose the day."));
        }
        (WindowKind::PowerInspection, true, true) => faults.add("once", missing("実施する日", "the day")),
        (_, false, false) => {
            faults.add(
                "once",
                w("毎月か1回だけかの、どちらか一方にしてください。", "Either monthly or once, not both."),
            );
        }
    }
    None
}

fn day_fault() -> Words {
    w("日付を読み取れません。例：2026-12-06", "This is no day, such as 2026-12-06.")
}

/// Reads the form.
fn terms(fields: &Fields) -> Result<Terms, Faults> {
    let mut faults = Faults::default();
    let kind = WindowKind::of_word(&fields.plain("kind")).unwrap_or(WindowKind::Daily);
    let start = form::time(fields.raw("start"));
    if start.is_none() {
        faults.add("start", w("開始時刻を読み取れません。例：1:00", "This is no time, such as 1:00."));
    }
    let recurrence = recurrence(fields, kind, start.unwrap_or(TimeOfDay::MIDNIGHT), &mut faults);
    let length_minutes = length(fields.raw("hours"));
    if length_minutes.is_none() {
        faults.add("hours", w("長さを読み取れません。例：4:00", "This is no length, such as 4:00."));
    }
    let first_day = form::day(fields.raw("first_day"));
    if first_day.is_none() {
        faults.add("first_day", day_fault());
    }
    let last_text = fields.text("last_day");
    let last_day = form::day(&last_text);
    if last_day.is_none() && !last_text.is_empty() {
        faults.add("last_day", day_fault());
    }
    let plan_text = fields.plain("plan");
    let plan = if plan_text.is_empty() { None } else { plan_text.parse().ok() };
    let stops = fields
        .raw("stops")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    let (Some(recurrence), Some(length_minutes), Some(first_day), true) =
        (recurrence, length_minutes, first_day, faults.is_empty())
    else {
        return Err(faults);
    };
    let zone: Zone = tokyo();
    let parts = TermsParts { plan, kind, recurrence, length_minutes, stops, first_day, last_day, zone };
    Terms::new(parts).map_err(|error| {
        let field = match error {
            BadTerms::Plan(_) => "plan",
            BadTerms::Recurrence { .. } => "monthly",
            BadTerms::Length(_) => "hours",
            BadTerms::Stop(_) | BadTerms::Service(_) => "stops",
            BadTerms::Days { .. } => "last_day",
            BadTerms::Past { .. } => "once",
        };
        Faults::one(field, terms_words(&error))
    })
}

/// The same, if something lies ahead.
fn ahead(visit: &Visit, fields: &Fields) -> Result<Terms, Faults> {
    let terms = terms(fields)?;
    let field = if fields.plain("once").is_empty() { "last_day" } else { "once" };
    let past = |error: BadTerms| Faults::one(field, terms_words(&error));
    terms.check_ahead(visit.now).map_err(past)?;
    Ok(terms)
}

/// `POST /console/windows/new`: what it means, before it is asked for.
pub(super) async fn confirm(axum::Extension(visit): At, Sent(fields): Sent) -> Result<Response, Refused> {
    let terms = match ahead(&visit, &fields) {
        Ok(terms) => terms,
        Err(faults) => {
            return Ok(Sheet::faulty(title(&fields), render(&visit, &fields, &faults)).show(&visit));
        }
    };
    let rows = look::preview_terms(&visit.desk, &terms, replaces(&fields), visit.now).await?;
    let lead = visit.desk.lead_of(&terms);
    let told = if terms.parts().kind == WindowKind::PowerInspection {
        inspection_words(lead)
    } else {
        w(
            format!(
                "承認されると、ただちにお知らせを掲載します。実施できるのは、掲載から{lead}日後以降の回です。"
            ),
            format!("The notice is published with the approval. Occurrences run from {lead} days after it."),
        )
    };
    let inside = html! {
        @for name in FIELDS { (form::hidden(name, fields.raw(name))) }
        (form::button("main", visit.t("この内容で申請する", "Ask for this")))
    };
    let mut rows_of_terms = terms_facts(&visit, &terms);
    if let Some(old) = replaces(&fields) {
        let name = visit.t("変更する時間帯", "The window that changes").to_owned();
        let means = replacing_words();
        rows_of_terms.insert(
            0,
            (name, html! { a href={ "/console/windows/" (old) } { (old) } " " (visit.words(&means)) }),
        );
    }
    let anew = replaces(&fields).map_or_else(
        || "/console/windows/new".to_owned(),
        |old| format!("/console/windows/new?replaces={old}"),
    );
    let body = html! {
        (facts(&rows_of_terms))
        p { (visit.words(&told)) }
        (form::form(&visit, "/console/windows", &inside))
        p { a class="button plain" href=(anew) { (visit.t("入力をやり直す", "Begin again")) } }
        h2 { (visit.t("これからの12回", "The next twelve")) }
        (preview(&visit, &rows, &terms))
    };
    Ok(Sheet::new(w("申請内容の確認", "Check what you ask for"), body).show(&visit))
}

/// `POST /console/windows`.
pub(super) async fn make(axum::Extension(visit): At, Sent(fields): Sent) -> Result<Response, Refused> {
    let terms = match ahead(&visit, &fields) {
        Ok(terms) => terms,
        Err(faults) => {
            return Ok(Sheet::faulty(title(&fields), render(&visit, &fields, &faults)).show(&visit));
        }
    };
    let by = visit.actor()?;
    let id = windows::request_for(&visit.desk, &terms, replaces(&fields), by, visit.now).await?;
    Ok(Redirect::to(&format!("/console/windows/{id}")).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Terms, Faults> {
        let good = [
            ("kind", "monthly"),
            ("plan", "records"),
            ("monthly", "first sunday"),
            ("start", "１：００"),
            ("hours", "４：００"),
            ("stops", "ポータル\r\n\r\n掲示板\r\n"),
            ("first_day", "令和８年１２月１日"),
        ];
        let all = pairs.iter().chain(&good).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        terms(&Fields::new(all.collect()))
    }

    #[test]
    fn full_width_digits_make_the_same_window() {
        let terms = read(&[]).unwrap();
        assert_eq!(terms.to_string(), "monthly first sunday 01:00, 240 minutes, stops ポータル, 掲示板");
        assert_eq!(terms.parts().first_day.to_string(), "2026-12-01");
    }

    #[test]
    fn what_cannot_be_read_is_told_at_its_field() {
        for pair in [
            ("start", "25:00"),
            ("hours", "four"),
            ("hours", "4:60"),
            ("first_day", "明日"),
            ("last_day", "2026-11-31"),
            ("once", "2026-12-06"),
            ("plan", ""),
            ("monthly", "31"),
            ("kind", "daily"),
        ] {
            assert!(read(&[pair]).is_err(), "{pair:?}");
        }
    }

    #[test]
    fn lengths_are_hours_and_minutes() {
        assert_eq!(
            ["4:00", "0:30", "４時間", "1時間30分", "2"].map(length),
            [240, 30, 240, 90, 120].map(Some)
        );
        assert_eq!(["", "x", "1:75", ":"].map(length), [None; 4]);
    }
}
