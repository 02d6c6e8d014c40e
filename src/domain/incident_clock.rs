//! The clock of personal data (個人情報保護法第26条): until when who must be told, and the nine items of the report.
//!
//! Whoever works for others is free of the report to the commission once he has told those who entrusted the data; that
//! must be quick and provable. Days are civil days; the earliest and latest day of the first report are both shown.

use crate::domain::incident::IncidentField;
use crate::domain::time::{Day, Instant, Zone};

/// Whether data of persons are concerned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Concern {
    /// No.
    None,
    /// They may be lost, damaged or leaked.
    Possible,
    /// The same, and somebody may have done it on purpose (不正の目的): the second report has 60 days.
    OnPurpose,
}

impl Concern {
    /// Every answer.
    pub const ALL: [Self; 3] = [Self::None, Self::Possible, Self::OnPurpose];

    /// The word in rows and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Possible => "possible",
            Self::OnPurpose => "on-purpose",
        }
    }

    /// The answer of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|concern| concern.word() == word)
    }

    /// For people: Japanese and English.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::None => ("個人データへの影響はありません", "no data of persons are concerned"),
            Self::Possible => (
                "個人データの滅失・毀損・漏えいのおそれがあります",
                "data of persons may be lost, damaged or leaked",
            ),
            Self::OnPurpose => (
                "不正の目的による個人データの滅失・毀損・漏えいのおそれがあります",
                "data of persons may be lost, damaged or leaked on purpose",
            ),
        }
    }
}

/// Days after 発見日時 of the first report (速報, おおむね3～5日以内): from and to.
pub const FIRST_DAYS: (u16, u16) = (3, 5);
/// Days of the second report (確報).
pub const SECOND_DAYS: u16 = 30;
/// The same where it may have been done on purpose.
pub const SECOND_DAYS_ON_PURPOSE: u16 = 60;

/// The days by which somebody must be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timers {
    /// 速報: when it should be made.
    pub first_from: Day,
    /// 速報: its last day.
    pub first_by: Day,
    /// 確報: its last day.
    pub second_by: Day,
}

fn later(day: Day, days: u16) -> Day {
    (0..days).fold(day, |day, _| day.next())
}

/// The timers of an incident that was found at `found_at`; `None` if no data of persons are concerned.
pub fn timers(found_at: Instant, concern: Concern, zone: &Zone) -> Option<Timers> {
    let second = match concern {
        Concern::None => return None,
        Concern::Possible => SECOND_DAYS,
        Concern::OnPurpose => SECOND_DAYS_ON_PURPOSE,
    };
    let found = zone.day_of(found_at);
    Some(Timers {
        first_from: later(found, FIRST_DAYS.0),
        first_by: later(found, FIRST_DAYS.1),
        second_by: later(found, second),
    })
}

/// How a timer stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// It was done.
    Done,
    /// There is time.
    Ahead,
    /// It is due now.
    Now,
    /// It is over.
    Over,
}

/// How the first report stands: told, to come, due now, or late.
pub fn first_report(timers: &Timers, told_at: Option<Instant>, today: Day) -> Due {
    if told_at.is_some() {
        Due::Done
    } else if today > timers.first_by {
        Due::Over
    } else if today >= timers.first_from {
        Due::Now
    } else {
        Due::Ahead
    }
}

/// The nine items of the report, with the field in which each is written; `None` where Kura knows it from elsewhere.
pub const NINE_ITEMS: [(&str, &str, Option<IncidentField>); 9] = [
    ("概要", "Outline", Some(IncidentField::Content)),
    ("個人データの項目", "Which data of persons", Some(IncidentField::Data)),
    ("本人の数", "How many persons", Some(IncidentField::Persons)),
    ("原因", "Cause", Some(IncidentField::Cause)),
    ("二次被害又はそのおそれの有無及びその内容", "Further harm", Some(IncidentField::Harm)),
    ("本人への対応の実施状況", "What was done for the persons", Some(IncidentField::Response)),
    ("公表の実施状況", "Publication", Some(IncidentField::Publication)),
    ("再発防止のための措置", "Against a recurrence", None),
    ("その他参考となる事項", "Other", Some(IncidentField::Other)),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, time: &str) -> (Instant, Zone) {
        let zone = Zone::named("Asia/Tokyo").unwrap();
        (zone.at(text.parse().unwrap(), time.parse().unwrap()), zone)
    }

    fn days(found: &str, time: &str, concern: Concern) -> [String; 3] {
        let (found, zone) = at(found, time);
        let timers = timers(found, concern, &zone).unwrap();
        [timers.first_from, timers.first_by, timers.second_by].map(|day| day.to_string())
    }

    #[test]
    fn the_days_of_the_law_count_from_the_day_of_finding_in_tokyo() {
        let possible = days("2026-11-23", "23:59", Concern::Possible);
        assert_eq!(possible, ["2026-11-26", "2026-11-28", "2026-12-23"]);
        let on_purpose = days("2026-12-30", "0:00", Concern::OnPurpose);
        assert_eq!(on_purpose, ["2027-01-02", "2027-01-04", "2027-02-28"]);
        assert_eq!(days("2028-02-27", "9:00", Concern::Possible), ["2028-03-01", "2028-03-03", "2028-03-28"]);
        let (found, zone) = at("2026-11-23", "9:00");
        assert_eq!(timers(found, Concern::None, &zone), None);
    }

    #[test]
    fn a_first_report_is_ahead_due_late_or_done() {
        let (found, zone) = at("2026-11-23", "9:00");
        let timers = timers(found, Concern::Possible, &zone).unwrap();
        let today = |text: &str| text.parse().unwrap();
        for (day, due) in [
            ("2026-11-25", Due::Ahead),
            ("2026-11-26", Due::Now),
            ("2026-11-28", Due::Now),
            ("2026-11-29", Due::Over),
        ] {
            assert_eq!(first_report(&timers, None, today(day)), due, "{day}");
        }
        assert_eq!(first_report(&timers, Some(found), today("2027-01-01")), Due::Done);
    }
}
