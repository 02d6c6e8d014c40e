//! Lines of iCalendar (RFC 5545): escaping, folding, and the time zones that events need.

use crate::domain::time::{Instant, Zone, ZoneChange};

/// The longest line, octets without the line break.
const LINE_OCTETS_MAX: usize = 75;
/// How far beyond the last event a time zone is written out, minutes: a year, because readers repeat and move events.
const BEYOND_MINUTES: i64 = 366 * 24 * 60;

/// Text with its commas, semicolons, backslashes and line breaks escaped; other control characters are left out.
pub(super) fn escaped(text: &str) -> String {
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

/// A value of a parameter, in quotes: quotes themselves and control characters cannot stand there.
pub(super) fn quoted(text: &str) -> String {
    let inner: String = text.chars().filter(|c| *c != '"' && !c.is_control()).collect();
    format!("\"{inner}\"")
}

/// Adds a line, folded at 75 octets and never inside a character.
pub(super) fn add(out: &mut String, line: &str) {
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

/// `20261205T160000Z`.
pub(super) fn utc(at: Instant) -> String {
    format!("{}Z", Zone::utc().basic(at))
}

/// `+0900`; with seconds where there are some.
fn offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let all = seconds.unsigned_abs();
    let (hours, minutes, rest) = (all / 3600, all / 60 % 60, all % 60);
    let rest = if rest == 0 { String::new() } else { format!("{rest:02}") };
    format!("{sign}{hours:02}{minutes:02}{rest}")
}

/// Adds a VTIMEZONE with each change of the clocks that events between two instants can meet, one by one: a rule would
/// have to be guessed from them.
pub(super) fn time_zone(out: &mut String, zone: &Zone, from: Instant, until: Instant) {
    add(out, "BEGIN:VTIMEZONE");
    add(out, &format!("TZID:{}", zone.name()));
    for change in zone.changes(from, until.plus_minutes(BEYOND_MINUTES)) {
        observance(out, &change);
    }
    add(out, "END:VTIMEZONE");
}

fn observance(out: &mut String, change: &ZoneChange) {
    let kind = if change.is_summer { "DAYLIGHT" } else { "STANDARD" };
    // The first moment of an observance is written as the clocks showed it before the change.
    let shown = change
        .at
        .as_micros()
        .saturating_add(i64::from(change.offset_before_seconds).saturating_mul(1_000_000));
    add(out, &format!("BEGIN:{kind}"));
    add(out, &format!("DTSTART:{}", Zone::utc().basic(Instant::from_micros(shown))));
    add(out, &format!("TZOFFSETFROM:{}", offset(change.offset_before_seconds)));
    add(out, &format!("TZOFFSETTO:{}", offset(change.offset_seconds)));
    add(out, &format!("TZNAME:{}", escaped(&change.name)));
    add(out, &format!("END:{kind}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nobody_writes_properties_through_a_title() {
        assert_eq!(escaped("a\r\nATTENDEE:x;y,z\\"), "a\\nATTENDEE:x\\;y\\,z\\\\");
        assert_eq!(quoted("a\"\r\nATTENDEE:x"), "\"aATTENDEE:x\"");
    }

    #[test]
    fn a_zone_is_written_with_the_changes_that_its_events_meet() {
        let at = |text: &str| Instant::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
        let (from, until) = (at("2026-11-22T00:00:00Z"), at("2027-01-03T00:00:00Z"));
        let write = |name| {
            let mut out = String::new();
            time_zone(&mut out, &Zone::named(name).unwrap(), from, until);
            out
        };
        let tokyo = write("Asia/Tokyo");
        assert_eq!(
            (tokyo.matches("BEGIN:STANDARD").count(), tokyo.matches("BEGIN:DAYLIGHT").count()),
            (1, 0)
        );
        assert!(tokyo.contains("TZOFFSETTO:+0900\r\nTZNAME:JST\r\n"), "{tokyo}");
        let berlin = write("Europe/Berlin");
        let expected = "BEGIN:DAYLIGHT\r\nDTSTART:20270328T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n\
                        TZNAME:CEST\r\nEND:DAYLIGHT\r\n";
        assert!(berlin.contains(expected), "{berlin}");
        assert!(berlin.contains("DTSTART:20261025T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\n"));
        let utc = write("UTC");
        assert!(utc.contains("TZOFFSETFROM:+0000\r\nTZOFFSETTO:+0000\r\n"), "{utc}");
        assert_eq!((offset(-12_600), offset(33_539)), ("-0330".to_owned(), "+091859".to_owned()));
    }

    proptest! {
        /// Every line fits, every piece is whole UTF-8, and unfolding gives the text back, whatever its length.
        #[test]
        fn folding_loses_nothing(text in "[a-z蔵承予約é𠮷、;]{0,200}") {
            let line = format!("SUMMARY:{text}");
            let mut out = String::new();
            add(&mut out, &line);
            prop_assert!(out.split("\r\n").all(|piece| piece.len() <= LINE_OCTETS_MAX));
            prop_assert_eq!(out.replace("\r\n ", ""), format!("{line}\r\n"));
        }
    }
}
