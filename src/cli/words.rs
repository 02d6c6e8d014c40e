//! Words for people: sizes, counts, times, tables. Also the one place that writes to stdout.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use serde::Serialize;

use crate::domain::plan::{BadPlanName, PlanName};
use crate::domain::time::{Day, Instant, NotADay, Zone};

pub(super) use crate::domain::size::size;
pub(super) use crate::workflows::desk::tokyo;

use super::failure::Failure;

/// Writes text to stdout. A reader that went away is no failure.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::file("write to", Path::new("stdout"))(e))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes a value to stdout as one JSON document on one line.
pub(super) fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text =
        serde_json::to_string(value).map_err(|e| Failure::Failed(format!("cannot write JSON: {e}")))?;
    print(&format!("{text}\n"))
}

/// Writes a line to stderr; if even that fails, nobody is there to be told.
pub(super) fn tell(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}

/// Whether what is written to stderr ends in the journal of systemd: names do not belong there.
pub(super) fn stderr_is_a_journal() -> bool {
    let Ok(stat) = rustix::fs::fstat(io::stderr()) else { return false };
    let here = format!("{}:{}", stat.st_dev, stat.st_ino);
    !io::stderr().is_terminal()
        && crate::config::environment("JOURNAL_STREAM").is_some_and(|there| there == here)
}

/// `1 file`, `2 files`, `1,234 files`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// `1 entry`, `2 entries`.
pub(super) fn entries(count: u64) -> String {
    format!("{} {}", grouped(count), if count == 1 { "entry" } else { "entries" })
}

/// A number with a comma between its thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A day, as somebody typed it.
pub(super) fn day(text: &str) -> Result<Day, Failure> {
    text.parse().map_err(|error: NotADay| Failure::Usage(error.to_string()))
}

/// The name of a plan, as somebody typed it.
pub(super) fn plan_name(text: &str) -> Result<PlanName, Failure> {
    text.parse().map_err(|error: BadPlanName| Failure::Usage(error.to_string()))
}

/// `2026-11-22 18:30` in a zone.
pub(super) fn local(at: Instant, zone: &Zone) -> String {
    match (jiff::Timestamp::from_second(at.as_seconds()), jiff::tz::TimeZone::get(zone.name())) {
        (Ok(at), Ok(zone)) => at.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string(),
        (_, _) => at.to_string(),
    }
}

/// Rows under their titles, in columns; those whose title ends with `>` stand right.
pub(super) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let names: Vec<String> = titles.iter().map(|title| title.trim_end_matches('>').to_owned()).collect();
    let width = |at: usize| {
        let cells = rows.iter().chain([&names]).filter_map(|row| row.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let mut text = String::new();
    for row in [&names].into_iter().chain(rows) {
        let mut line = String::new();
        for ((cell, title), width) in row.iter().zip(titles).zip(&widths) {
            let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
            let (before, after) = if title.ends_with('>') { (gap.as_str(), "") } else { ("", gap.as_str()) };
            line.extend([before, cell.as_str(), after, "  "]);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(counted(1, "file"), "1 file");
        assert_eq!(counted(1000, "file"), "1,000 files");
    }

    #[test]
    fn a_time_is_shown_in_its_zone() {
        let at = Instant::from_micros(1_795_300_000_000_000);
        assert_eq!(at.to_string(), "2026-11-21T22:26:40Z");
        assert_eq!(local(at, &Zone::named("Asia/Tokyo").unwrap()), "2026-11-22 07:26");
    }

    #[test]
    fn columns_line_up() {
        let rows = vec![vec!["a".to_owned(), "10".to_owned()], vec!["long".to_owned(), "9".to_owned()]];
        assert_eq!(table(&["ID", "SIZE>"], &rows), "ID    SIZE\na       10\nlong     9\n");
    }
}
