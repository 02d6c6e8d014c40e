//! Which times people may write about an incident: none that has not come, and none that contradicts another.
//!
//! People write minutes, Kura notes microseconds: whatever lies in the same minute comes at the same time.

use crate::domain::time::{Day, Instant};

/// A time that somebody writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IncidentTime {
    /// 発見日時.
    Found,
    /// 発生日時.
    Occurred,
    /// 復旧日時.
    Recovered,
    /// 復旧予定.
    Expected,
    /// When who entrusted the data was told.
    Told,
}

impl IncidentTime {
    /// For people: Japanese and English.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Found => ("発見日時", "the time of finding"),
            Self::Occurred => ("発生日時", "the time of the failure"),
            Self::Recovered => ("復旧日時", "the time of recovery"),
            Self::Expected => ("復旧予定", "the time at which recovery is expected"),
            Self::Told => ("委託元への通知の日時", "the time of telling"),
        }
    }
}

/// Why a time cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WrongTime {
    /// It has not come.
    Future,
    /// It should lie ahead, and does not.
    Past,
    /// It lies before the failure was found.
    BeforeFound,
    /// It lies before the failure began.
    BeforeOccurred,
    /// It lies after the failure was found.
    AfterFound,
    /// It lies after the failure was mended.
    AfterRecovered,
}

/// A time that cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{} {}", .time.names().1, .wrong.words().1)]
pub struct BadTime {
    /// Which.
    pub time: IncidentTime,
    /// Why.
    pub wrong: WrongTime,
}

impl BadTime {
    /// The same in Japanese.
    pub fn japanese(self) -> String {
        format!("{}が{}。日時をご確認ください。", self.time.names().0, self.wrong.words().0)
    }
}

impl WrongTime {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Future => ("未来です", "lies in the future"),
            Self::Past => ("過ぎています", "does not lie ahead"),
            Self::BeforeFound => ("障害の発見より前です", "lies before the incident was found"),
            Self::BeforeOccurred => ("障害の発生より前です", "lies before the incident began"),
            Self::AfterFound => ("障害の発見より後です", "lies after the incident was found"),
            Self::AfterRecovered => ("復旧より後です", "lies after the incident was mended"),
        }
    }
}

/// What is known of an incident's times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownTimes {
    /// 発見日時.
    pub found: Instant,
    /// 発生日時.
    pub occurred: Option<Instant>,
    /// 復旧日時.
    pub recovered: Option<Instant>,
}

/// The beginning of the minute in which something happened.
const fn minute(at: Instant) -> Instant {
    const MINUTE: i64 = 60_000_000;
    let micros = at.as_micros();
    Instant::from_micros(micros.saturating_sub(micros.rem_euclid(MINUTE)))
}

/// Checks a time that somebody writes.
pub fn check_time(time: IncidentTime, at: Instant, known: &KnownTimes, now: Instant) -> Result<(), BadTime> {
    let before = |other: Instant| minute(at) < minute(other);
    let after = |other: Instant| minute(at) > minute(other);
    let is_future = at > now;
    let wrong = match time {
        IncidentTime::Expected => (!is_future).then_some(WrongTime::Past),
        _ if is_future => Some(WrongTime::Future),
        IncidentTime::Found => None,
        IncidentTime::Occurred if after(known.found) => Some(WrongTime::AfterFound),
        IncidentTime::Occurred if known.recovered.is_some_and(after) => Some(WrongTime::AfterRecovered),
        IncidentTime::Occurred => None,
        // What is found when it is mended already began before: that is said first.
        IncidentTime::Recovered => match known.occurred {
            Some(occurred) => before(occurred).then_some(WrongTime::BeforeOccurred),
            None => before(known.found).then_some(WrongTime::BeforeFound),
        },
        IncidentTime::Told => before(known.found).then_some(WrongTime::BeforeFound),
    };
    wrong.map_or(Ok(()), |wrong| Err(BadTime { time, wrong }))
}

/// Whether a day by which something is to be done may be written today.
pub fn is_due_day(due: Day, today: Day) -> bool {
    due >= today
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Instant {
        Instant::from_micros(0).plus_minutes(minutes)
    }

    #[test]
    fn a_time_is_neither_ahead_nor_against_another() {
        use IncidentTime::{Expected, Found, Occurred, Recovered, Told};
        use WrongTime::{AfterFound, AfterRecovered, BeforeFound, BeforeOccurred, Future, Past};
        let known = KnownTimes { found: at(100), occurred: Some(at(80)), recovered: None };
        let unknown = KnownTimes { occurred: None, ..known };
        // One that was over before anybody found it.
        let short = KnownTimes { recovered: Some(at(90)), ..known };
        let table = [
            (Found, 0, known, None),
            (Found, 201, known, Some(Future)),
            (Occurred, 100, known, None),
            (Occurred, 101, known, Some(AfterFound)),
            (Occurred, 201, known, Some(Future)),
            (Occurred, 90, short, None),
            (Occurred, 91, short, Some(AfterRecovered)),
            (Recovered, 80, known, None),
            (Recovered, 79, known, Some(BeforeOccurred)),
            (Recovered, 100, unknown, None),
            (Recovered, 99, unknown, Some(BeforeFound)),
            (Recovered, 201, known, Some(Future)),
            (Expected, 201, known, None),
            (Expected, 200, known, Some(Past)),
            (Told, 100, known, None),
            (Told, 99, known, Some(BeforeFound)),
            (Told, 201, known, Some(Future)),
        ];
        for (time, minutes, known, wrong) in table {
            let expected = wrong.map_or(Ok(()), |wrong| Err(BadTime { time, wrong }));
            assert_eq!(check_time(time, at(minutes), &known, at(200)), expected, "{time:?} {minutes}");
        }
    }

    #[test]
    fn what_lies_in_the_same_minute_comes_at_the_same_time() {
        let found = Instant::from_micros(6_045_000_000);
        let known = KnownTimes { found, occurred: None, recovered: None };
        for time in [IncidentTime::Told, IncidentTime::Recovered, IncidentTime::Occurred] {
            assert_eq!(check_time(time, at(100), &known, found), Ok(()), "{time:?}");
        }
    }

    #[test]
    fn words_say_which_time_is_wrong_and_why() {
        let bad = BadTime { time: IncidentTime::Expected, wrong: WrongTime::Past };
        assert_eq!(bad.to_string(), "the time at which recovery is expected does not lie ahead");
        assert_eq!(bad.japanese(), "復旧予定が過ぎています。日時をご確認ください。");
    }

    #[test]
    fn what_is_due_today_may_be_written_today() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        assert!(is_due_day(day("2026-11-23"), day("2026-11-23")));
        assert!(!is_due_day(day("2026-11-22"), day("2026-11-23")));
    }
}
