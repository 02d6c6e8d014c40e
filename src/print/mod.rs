//! Papers to print and file, in Japanese: the same from the command line and from the console, as HTML and as PDF.

use crate::domain::calendar::wareki;
use crate::domain::time::{Day, Instant};
use crate::workflows::desk::tokyo;

/// A certificate of deletion.
pub mod certificate;

/// Reports to the 医師会.
pub mod evidence;
/// 障害報告書.
pub mod incident_report;
/// Permits.
pub mod permit;

/// Records of work.
pub mod work;

/// Who holds which role.
pub mod role_holders;

/// Recovery sheets.
pub mod key_sheet;

/// The report of an extract.
pub mod extract;
/// Statements of recoverability.
pub mod statement;

/// A day as 令和; what is none stays as it is.
fn day(text: &str) -> String {
    text.parse::<Day>().map_or_else(|_| text.to_owned(), wareki)
}

/// An instant (RFC 3339).
fn at(text: &str) -> Option<Instant> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Instant::from_micros(at.as_microsecond()))
}

/// An instant (RFC 3339) in Tokyo; what is none stays as it is.
fn time(text: &str) -> String {
    at(text).map_or_else(
        || text.to_owned(),
        |at| {
            let zone = tokyo();
            format!("{} {}", wareki(zone.day_of(at)), zone.time_of(at))
        },
    )
}
