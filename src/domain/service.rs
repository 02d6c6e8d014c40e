//! Services (停止対象サービス): by the names that users know, how each is stopped and started again, and until when.
//!
//! How is a matter of the host and stands in `kura.toml`; which and when is approved with the window.

use std::time::Duration;

use crate::domain::time::Instant;
use crate::domain::window::Terms;

/// How long a command may take if nobody says otherwise.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_mins(2);
/// The least time before the end of a window that is left for starting services again, minutes.
const MARGIN_MINUTES_MIN: i64 = 5;

/// The time that is left for a person to start a service again, seconds.
const HAND_SECONDS: u64 = 600;

/// A service that a window may stop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// The name that users know.
    pub name: String,
    /// How it is stopped and started.
    pub how: How,
}

/// How a service is stopped and started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum How {
    /// By a person, who is asked to, and confirms it.
    Manual,
    /// By commands: program and arguments, no shell.
    Commands {
        /// Stops it.
        stop: Vec<String>,
        /// Starts it.
        start: Vec<String>,
        /// How long either may take.
        timeout: Duration,
    },
}

/// What becomes of a run at the end of its window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnDeadline {
    /// It goes on: it disturbs nobody.
    #[default]
    Finish,
    /// It stops and keeps what is in the store.
    Stop,
}

/// The instant at which the run of an occurrence stops, if it does.
///
/// Users were told when services are back, so a run in a window that stops services always stops, early enough for every
/// start to take its time. Where nothing stops the settings decide.
pub fn stops_at(
    terms: &Terms,
    span: (Instant, Instant),
    services: &[Service],
    routine: OnDeadline,
) -> Option<Instant> {
    let (start, end) = span;
    if !terms.stops_services() {
        return (routine == OnDeadline::Stop).then_some(end);
    }
    let of_window = services.iter().filter(|service| terms.parts().stops.contains(&service.name));
    let seconds: u64 = of_window
        .map(|service| match &service.how {
            How::Manual => HAND_SECONDS,
            How::Commands { timeout, .. } => timeout.as_secs(),
        })
        .sum();
    let wanted = i64::try_from(seconds.div_ceil(60)).unwrap_or(i64::MAX).max(MARGIN_MINUTES_MIN);
    // A short window keeps half of its time for the snapshot.
    let half = i64::from(terms.parts().length_minutes / 2);
    Some(end.plus_minutes(wanted.min(half).saturating_neg()).max(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::window::WindowKind;
    use crate::domain::window_terms::tests::parts;

    fn service(name: &str, seconds: u64) -> Service {
        let command = vec!["/bin/true".to_owned()];
        let timeout = Duration::from_secs(seconds);
        Service {
            name: name.to_owned(),
            how: How::Commands { stop: command.clone(), start: command, timeout },
        }
    }

    fn minutes_before_end(length_minutes: u32, stops: &[&str], services: &[Service]) -> Option<i64> {
        let mut parts = parts(WindowKind::Monthly, "monthly first sunday 01:00");
        parts.length_minutes = length_minutes;
        parts.stops = stops.iter().map(|&name| name.to_owned()).collect();
        let terms = Terms::new(parts).unwrap();
        let span = terms.span_on("2026-12-06".parse().unwrap());
        let at = stops_at(&terms, span, services, OnDeadline::Finish)?;
        Some(span.1.as_micros().saturating_sub(at.as_micros()) / 60_000_000)
    }

    #[test]
    fn services_have_time_to_start_before_the_end_that_users_were_told() {
        let services = [service("portal", 120), service("mail", 600), service("other", 6000)];
        assert_eq!(minutes_before_end(240, &[], &services), None, "where nothing stops a run may finish");
        assert_eq!(minutes_before_end(240, &["portal"], &services), Some(5), "never less");
        assert_eq!(minutes_before_end(240, &["portal", "mail"], &services), Some(12));
        assert_eq!(minutes_before_end(20, &["portal", "mail"], &services), Some(10), "half of a short one");
    }

    #[test]
    fn the_settings_decide_where_nothing_stops() {
        let terms = Terms::new(parts(WindowKind::Daily, "daily 02:00")).unwrap();
        let span = terms.span_on("2026-12-06".parse().unwrap());
        assert_eq!(stops_at(&terms, span, &[], OnDeadline::Stop), Some(span.1));
        assert_eq!(stops_at(&terms, span, &[], OnDeadline::Finish), None);
    }
}
