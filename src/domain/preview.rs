//! What a window means before it is approved: its next occurrences, with holidays and what they clash with.

use crate::domain::calendar::{Holiday, Holidays};
use crate::domain::time::{Day, Instant};
use crate::domain::window::{Terms, Window};

/// How many occurrences a preview shows.
pub const SHOWN: usize = 12;

/// One occurrence to come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Previewed {
    /// Its day.
    pub day: Day,
    /// When it starts and ends.
    pub span: (Instant, Instant),
    /// Whether its day is a national holiday, as far as that is known.
    pub holiday: Holiday<'static>,
    /// The ids of other windows, requested or approved, that overlap it.
    pub clashes: Vec<String>,
    /// Whether it starts too early for a notice that would be published now.
    pub is_too_early: bool,
}

/// The next occurrences of terms, however far ahead they lie.
pub fn preview(
    terms: &Terms,
    own_id: &str,
    others: &[Window],
    lead_days: u32,
    now: Instant,
) -> Vec<Previewed> {
    let zone = &terms.parts().zone;
    let today = zone.day_of(now);
    let announced = now.plus_minutes(i64::from(lead_days).saturating_mul(24 * 60));
    let row = |day: Day| {
        let span = terms.span_on(day);
        let clashing = others.iter().filter(|other| other.id != own_id && overlaps(other, day, span));
        Previewed {
            day,
            span,
            holiday: Holidays::of_japan().of(day),
            clashes: clashing.map(|other| other.id.clone()).collect(),
            is_too_early: span.0 < announced,
        }
    };
    let ahead = terms.days(today.previous(), Day::LAST).map(row).filter(|row| now < row.span.1);
    ahead.take(SHOWN).collect()
}

/// Whether an occurrence of a window overlaps a span that starts on a day.
fn overlaps(window: &Window, day: Day, span: (Instant, Instant)) -> bool {
    let is_alive =
        window.is_alive() && !matches!(window.state, crate::domain::window::WindowState::Lapsed { .. });
    // No window is longer than a day, so only the days beside this one count.
    is_alive
        && window
            .terms
            .days(day.previous(), day.next().next())
            .map(|day| window.terms.span_on(day))
            .any(|(start, end)| start < span.1 && span.0 < end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Zone;
    use crate::domain::window::{WindowKind, WindowState};
    use crate::domain::window_terms::tests::parts;

    fn window(id: &str, kind: WindowKind, recurrence: &str) -> Window {
        Window {
            id: id.to_owned(),
            terms: Terms::new(parts(kind, recurrence)).unwrap(),
            requested_by: "admin00001".parse().unwrap(),
            requested_at: Instant::from_micros(0),
            state: WindowState::Requested,
        }
    }

    #[test]
    fn holidays_clashes_and_early_days_are_shown() {
        let monthly = window("w-0002", WindowKind::Monthly, "monthly 11 01:00");
        let others = [
            window("w-0001", WindowKind::Daily, "daily 22:30"),
            monthly.clone(),
            window("w-0003", WindowKind::PowerInspection, "once 2027-02-11 00:00"),
            window("w-0004", WindowKind::Daily, "daily 12:00"),
        ];
        let zone = &monthly.terms.parts().zone;
        let now = zone.at("2026-12-01".parse().unwrap(), "12:00".parse().unwrap());
        let rows = preview(&monthly.terms, "w-0002", &others, 14, now);
        assert_eq!(rows.len(), SHOWN);
        assert_eq!(rows.iter().map(|row| row.is_too_early).take(2).collect::<Vec<_>>(), [true, false]);
        let february = &rows[2];
        assert_eq!(february.day.to_string(), "2027-02-11");
        assert_eq!(february.holiday, Holiday::Named("建国記念の日"));
        assert_eq!(february.clashes, ["w-0001", "w-0003"], "the evening before reaches past midnight");
        assert_eq!(rows[1].clashes, ["w-0001"]);
    }

    #[test]
    fn what_lies_years_ahead_is_shown_too() {
        let zone = Zone::named("Asia/Tokyo").unwrap();
        let now = zone.at("2026-12-01".parse().unwrap(), "12:00".parse().unwrap());
        let once = window("w-0001", WindowKind::Maintenance, "once 2028-02-29 01:00");
        let days = |terms: &Terms| {
            preview(terms, "w-0001", &[], 14, now).iter().map(|row| row.day.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(days(&once.terms), ["2028-02-29"]);
        let mut later = parts(WindowKind::Monthly, "monthly 28 01:00");
        later.first_day = "2030-01-01".parse().unwrap();
        let found = days(&Terms::new(later).unwrap());
        assert_eq!((found.len(), found[0].as_str(), found[11].as_str()), (SHOWN, "2030-01-28", "2030-12-28"));
    }

    #[test]
    fn beyond_the_table_of_holidays_nothing_is_said() {
        let monthly = window("w-0001", WindowKind::Monthly, "monthly 1 01:00");
        let zone = &monthly.terms.parts().zone;
        let now = zone.at("2027-12-02".parse().unwrap(), "12:00".parse().unwrap());
        let rows = preview(&monthly.terms, "w-0001", &[], 14, now);
        assert_eq!(rows[0].holiday, Holiday::Unknown, "2028-01-01 is one, but the table ends before");
    }
}
