//! Notices as iCalendar (RFC 5545): one event for each dated notice, UID for ever, SEQUENCE for each revision.
//!
//! Written by hand because the `icalendar` crate writes no VTIMEZONE: 60 lines, tested against the rules for folding.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::domain::notice::NoticeStatus;
use crate::domain::time::{Instant, Zone};
use crate::workflows::notices::{self, NoticeRow};

use crate::web::problem::Problem;
use crate::web::{SHOWN_MAX, Shared};

/// The longest line, octets without the line break.
const LINE_OCTETS_MAX: usize = 75;

/// `/notices.ics`.
pub(in crate::web) async fn calendar(State(shared): State<Shared>) -> Result<Response, Problem> {
    let desk = shared.desk()?;
    let rows = notices::list(&desk, false, SHOWN_MAX).await?;
    let text = render(&rows, &desk.sender.service, &shared.base);
    Ok(([(header::CONTENT_TYPE, "text/calendar; charset=utf-8")], text).into_response())
}

fn render(rows: &[NoticeRow], service: &str, base: &str) -> String {
    let mut out = String::new();
    for line in ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Kura//notices//JA", "CALSCALE:GREGORIAN"] {
        add(&mut out, line);
    }
    add(&mut out, &format!("X-WR-CALNAME:{}", escaped(&format!("{service} お知らせ"))));
    for line in [
        "BEGIN:VTIMEZONE",
        "TZID:Asia/Tokyo",
        "BEGIN:STANDARD",
        "DTSTART:19510909T010000",
        "TZOFFSETFROM:+0900",
        "TZOFFSETTO:+0900",
        "TZNAME:JST",
        "END:STANDARD",
        "END:VTIMEZONE",
    ] {
        add(&mut out, line);
    }
    for row in rows {
        // A notice of occurrences without an end is no single event.
        if let Some(until) = row.work_until {
            event(&mut out, row, until, base);
        }
    }
    add(&mut out, "END:VCALENDAR");
    out
}

fn event(out: &mut String, row: &NoticeRow, until: Instant, base: &str) {
    let status = if row.status == NoticeStatus::Cancelled { "CANCELLED" } else { "CONFIRMED" };
    let host = base.split("://").last().unwrap_or(base);
    add(out, "BEGIN:VEVENT");
    add(out, &format!("UID:{}@{host}", row.notice));
    add(out, &format!("SEQUENCE:{}", row.revision.saturating_sub(1)));
    add(out, &format!("DTSTAMP:{}", utc(row.updated_at)));
    add(out, &format!("LAST-MODIFIED:{}", utc(row.updated_at)));
    add(out, &format!("DTSTART;TZID=Asia/Tokyo:{}", tokyo(row.work_from)));
    add(out, &format!("DTEND;TZID=Asia/Tokyo:{}", tokyo(until)));
    add(out, &format!("STATUS:{status}"));
    add(out, "TRANSP:TRANSPARENT");
    add(out, &format!("SUMMARY:{}", escaped(&row.words.title)));
    add(out, &format!("DESCRIPTION:{}", escaped(&row.words.body)));
    add(out, &format!("URL:{base}/notices#{}", row.notice));
    add(out, "END:VEVENT");
}

/// `20261206T010000` in Tokyo.
fn tokyo(at: Instant) -> String {
    let zone = Zone::named("Asia/Tokyo").unwrap_or_else(|_| Zone::utc());
    let (day, (hour, minute)) = (zone.day_of(at), zone.time_of(at).parts());
    format!("{}T{hour:02}{minute:02}00", day.to_string().replace('-', ""))
}

/// `20261205T160000Z`.
fn utc(at: Instant) -> String {
    at.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect()
}

/// Text with its commas, semicolons, backslashes and line breaks escaped; other control characters are left out.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.trim_end().chars() {
        match c {
            '\n' => out.push_str("\\n"),
            ',' | ';' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Adds a line, folded at 75 octets and never inside a character.
fn add(out: &mut String, line: &str) {
    let mut width = 0;
    for c in line.chars() {
        if width + c.len_utf8() > LINE_OCTETS_MAX {
            out.push_str("\r\n ");
            width = 1;
        }
        out.push(c);
        width += c.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_between_characters() {
        let mut out = String::new();
        add(&mut out, &format!("SUMMARY:{}", "蔵".repeat(60)));
        assert!(out.split("\r\n").all(|line| line.len() <= LINE_OCTETS_MAX), "{out}");
        assert_eq!(out.replace("\r\n ", ""), format!("SUMMARY:{}\r\n", "蔵".repeat(60)));
    }

    #[test]
    fn nobody_writes_properties_through_a_title() {
        assert_eq!(escaped("a\r\nATTENDEE:x;y,z\\"), "a\\nATTENDEE:x\\;y\\,z\\\\");
    }

    #[test]
    fn times_are_those_of_tokyo() {
        let at = Instant::from_micros(1_796_486_400_000_000);
        assert_eq!((tokyo(at), utc(at)), ("20261206T010000".to_owned(), "20261205T160000Z".to_owned()));
    }
}
