//! Proofs (閲覧可能の証跡): when Kura has to look at its public page as users see it, and what it must find there.

use crate::domain::time::Instant;

/// A proof counts for a start that comes at most this long after it, minutes: a day.
pub const FRESH_MINUTES: i64 = 24 * 60;
/// The last look before a start, minutes.
const NEAR_MINUTES: i64 = 60;

/// The start that a proof is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ToProve {
    /// When the notice was published.
    pub announced_at: Instant,
    /// The occurrence.
    pub span: (Instant, Instant),
    /// How long before its start the notice has to stand, days.
    pub lead_days: u32,
}

/// Whether the page has to be looked at now, if it was seen with the notice last at `newest`.
///
/// Right after the publication, when the lead begins, a day before the start and an hour before it.
pub fn is_due(what: &ToProve, newest: Option<Instant>, now: Instant) -> bool {
    let (start, end) = what.span;
    let lead = i64::from(what.lead_days).saturating_mul(24 * 60);
    let looks =
        [lead, FRESH_MINUTES, NEAR_MINUTES].map(|minutes| start.plus_minutes(minutes.saturating_neg()));
    let last = looks.into_iter().filter(|look| *look <= now).fold(what.announced_at, Instant::max);
    last <= now && now < end && newest.is_none_or(|newest| newest < last)
}

/// Whether a proof allows a start: seen since the publication, and in the last day before the start or later.
pub fn is_enough(what: &ToProve, newest: Option<Instant>) -> bool {
    let oldest = what.span.0.plus_minutes(-FRESH_MINUTES).max(what.announced_at);
    newest.is_some_and(|newest| oldest <= newest)
}

/// What a page must say of a notice, and does not: its number, its title, its time. `None` if nothing is missing.
///
/// Only the text of the page counts; how it is laid out may change.
pub fn missing_from(page: &str, number: &str, title: &str, body: &str) -> Option<&'static str> {
    let text = text_of(page);
    let says = |wanted: &str| text.contains(&squeezed(wanted));
    let time = body.lines().find_map(|line| line.strip_prefix("日時：")).unwrap_or_default();
    if !text_with_attributes_has(page, number) {
        Some("its number")
    } else if !says(title) {
        Some("its title")
    } else if !says(time) {
        Some("its time")
    } else {
        None
    }
}

fn text_with_attributes_has(page: &str, number: &str) -> bool {
    let mut rest = page;
    while let Some((_, after)) = rest.split_once(number) {
        // N-2026-0001 is not N-2026-00012.
        if !after.starts_with(|c: char| c.is_ascii_digit()) {
            return true;
        }
        rest = after;
    }
    false
}

/// The text of a page: without tags, entities read, without white space.
fn text_of(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    let mut is_tag = false;
    for c in page.chars() {
        match c {
            '<' => is_tag = true,
            '>' if is_tag => is_tag = false,
            c if !is_tag => text.push(c),
            _ => {}
        }
    }
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    squeezed(&entities.iter().fold(text, |text, (entity, c)| text.replace(entity, c)))
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60;

    fn at(minutes: i64) -> Instant {
        Instant::from_micros(1_796_486_400_000_000).plus_minutes(minutes)
    }

    fn week() -> ToProve {
        ToProve { announced_at: at(0), span: (at(30 * DAY), at(30 * DAY + 240)), lead_days: 7 }
    }

    #[test]
    fn the_page_is_looked_at_four_times() {
        let what = week();
        let mut newest = None;
        let mut looks = Vec::new();
        for minutes in -60..31 * DAY {
            if is_due(&what, newest, at(minutes)) {
                newest = Some(at(minutes));
                looks.push(minutes);
            }
        }
        assert_eq!(looks, [0, 23 * DAY, 29 * DAY, 30 * DAY - 60]);
    }

    #[test]
    fn what_cannot_be_proven_stays_due_until_the_end() {
        let what = week();
        assert!(is_due(&what, Some(at(1)), at(23 * DAY)) && is_due(&what, Some(at(1)), at(30 * DAY + 239)));
        assert!(!is_due(&what, None, at(30 * DAY + 240)));
    }

    #[test]
    fn a_start_needs_a_proof_of_its_last_day() {
        let what = week();
        assert!(!is_enough(&what, None) && !is_enough(&what, Some(at(29 * DAY - 1))));
        assert!(is_enough(&what, Some(at(29 * DAY))) && is_enough(&what, Some(at(30 * DAY + 5))));
        let short = ToProve { announced_at: at(30 * DAY - 60), ..what };
        assert!(!is_enough(&short, Some(at(30 * DAY - 61))), "seen before it was published");
    }

    #[test]
    fn a_page_without_number_title_or_time_proves_nothing() {
        let page = "<article id=\"N-2026-0001\"><h2>【予告】停止 &amp; &lt;再開&gt;</h2>\
                    <p>日時：令和8年12月6日（日）\n1:00～5:00</p>";
        let body = "掲載日：x\n日時：令和8年12月6日（日） 1:00～5:00\n";
        let missing = |number, title, body| missing_from(page, number, title, body);
        assert_eq!(missing("N-2026-0001", "【予告】停止 & <再開>", body), None);
        assert_eq!(missing("N-2026-0002", "【予告】停止 & <再開>", body), Some("its number"));
        assert_eq!(missing("N-2026-000", "【予告】停止 & <再開>", body), Some("its number"));
        assert_eq!(missing("N-2026-0001", "【訂正】停止", body), Some("its title"));
        assert_eq!(missing("N-2026-0001", "【予告】停止", "日時：令和8年12月7日（月）\n"), Some("its time"));
    }
}
