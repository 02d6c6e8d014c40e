//! What differs between what was approved last and what is asked for now (前回からの変更点).

use crate::domain::window::Terms;

/// Something that differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WindowChange {
    /// Days or time.
    Recurrence,
    /// How long.
    Length,
    /// What stops.
    Stops,
    /// The first day.
    FirstDay,
    /// The last day.
    LastDay,
    /// The time zone.
    Zone,
}

/// Everything that differs, in a fixed order; empty if the terms agree.
pub fn changes(before: &Terms, now: &Terms) -> Vec<WindowChange> {
    let (before, now) = (before.parts(), now.parts());
    let differing = [
        (before.recurrence != now.recurrence, WindowChange::Recurrence),
        (before.length_minutes != now.length_minutes, WindowChange::Length),
        (before.stops != now.stops, WindowChange::Stops),
        (before.first_day != now.first_day, WindowChange::FirstDay),
        (before.last_day != now.last_day, WindowChange::LastDay),
        (before.zone != now.zone, WindowChange::Zone),
    ];
    differing.into_iter().filter_map(|(differs, change)| differs.then_some(change)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::window::WindowKind;
    use crate::domain::window_terms::tests::parts;

    #[test]
    fn each_field_that_differs_is_named_and_no_other() {
        let terms = |recurrence: &str, length_minutes, stops: &[&str]| {
            let mut parts = parts(WindowKind::Monthly, recurrence);
            parts.length_minutes = length_minutes;
            parts.stops = stops.iter().map(|&name| name.to_owned()).collect();
            Terms::new(parts).unwrap()
        };
        let before = terms("monthly first sunday 01:00", 240, &["ポータル"]);
        assert_eq!(changes(&before, &before), []);
        let later = terms("monthly first sunday 02:00", 240, &["ポータル"]);
        assert_eq!(changes(&before, &later), [WindowChange::Recurrence]);
        let quiet = terms("monthly first sunday 01:00", 300, &[]);
        assert_eq!(changes(&before, &quiet), [WindowChange::Length, WindowChange::Stops]);
    }
}
