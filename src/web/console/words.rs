//! Two languages side by side: whoever writes one must write the other. Days, times and sizes as people read them.

use crate::domain::calendar::{english, english_span, wareki, wareki_span};
use crate::domain::recurrence::Recurrence;
use crate::domain::role::Role;
use crate::domain::time::{Day, Instant, Zone};
use crate::domain::window::{Terms, WindowKind};
use crate::workflows::desk::tokyo;

pub(in crate::web) use crate::domain::size::size;

/// The language of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::web) enum Lang {
    /// Japanese, unless somebody chose otherwise.
    Ja,
    /// English.
    En,
}

/// A text in both languages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::web) struct Words {
    ja: String,
    en: String,
}

/// A text in both languages; neither can be left out.
pub(in crate::web) fn w(ja: impl Into<String>, en: impl Into<String>) -> Words {
    Words { ja: ja.into(), en: en.into() }
}

impl Words {
    /// The text in a language.
    pub(in crate::web) fn of(&self, lang: Lang) -> &str {
        lang.t(&self.ja, &self.en)
    }
}

impl Lang {
    /// The language of a word.
    pub(in crate::web) fn of_word(word: &str) -> Option<Self> {
        [Self::Ja, Self::En].into_iter().find(|lang| lang.word() == word)
    }

    /// The word in `lang` attributes and addresses.
    pub(in crate::web) const fn word(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// One of two texts.
    pub(in crate::web) const fn t<'a>(self, ja: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Ja => ja,
            Self::En => en,
        }
    }

    /// A day with its weekday, in 和暦 or English.
    pub(in crate::web) fn day(self, day: Day) -> String {
        match self {
            Self::Ja => wareki(day),
            Self::En => english(day),
        }
    }

    /// A moment to the minute, in Tokyo.
    pub(in crate::web) fn moment(self, at: Instant) -> String {
        let zone = tokyo();
        let (hour, minute) = zone.time_of(at).parts();
        match self {
            Self::Ja => format!("{}{hour}:{minute:02}", wareki(zone.day_of(at))),
            Self::En => format!("{} {hour:02}:{minute:02}", english(zone.day_of(at))),
        }
    }

    /// A time of day, in Tokyo.
    pub(in crate::web) fn time(self, at: Instant) -> String {
        let (hour, minute) = tokyo().time_of(at).parts();
        match self {
            Self::Ja => format!("{hour}:{minute:02}"),
            Self::En => format!("{hour:02}:{minute:02}"),
        }
    }

    /// From one moment to another.
    pub(in crate::web) fn span(self, (from, until): (Instant, Instant), zone: &Zone) -> String {
        match self {
            Self::Ja => wareki_span(from, until, zone),
            Self::En => english_span(from, until, zone),
        }
    }

    /// How long ago something was.
    pub(in crate::web) fn ago(self, at: Instant, now: Instant) -> String {
        if now.plus_minutes(1) < at {
            // The clock was set back, or was wrong then: an age would be a lie.
            return self
                .t("未来の日時です。時計を確かめてください", "in the future: look at the clock")
                .to_owned();
        }
        let minutes = now.as_seconds().saturating_sub(at.as_seconds()).max(0).div_euclid(60);
        let (hours, days) = (minutes.div_euclid(60), minutes.div_euclid(24 * 60));
        match (self, days, hours) {
            (Self::Ja, 0, 0) => format!("{minutes}分前"),
            (Self::Ja, 0..=1, _) => format!("{hours}時間前"),
            (Self::Ja, ..) => format!("{days}日前"),
            (Self::En, 0, 0) => format!("{minutes} minutes ago"),
            (Self::En, 0..=1, _) => format!("{hours} hours ago"),
            (Self::En, ..) => format!("{days} days ago"),
        }
    }

    /// A length of time in hours and minutes.
    pub(in crate::web) fn length(self, minutes: u32) -> String {
        let (hours, rest) = (minutes.div_euclid(60), minutes.rem_euclid(60));
        match (self, hours, rest) {
            (Self::Ja, 0, _) => format!("{rest}分間"),
            (Self::Ja, _, 0) => format!("{hours}時間"),
            (Self::Ja, ..) => format!("{hours}時間{rest}分"),
            (Self::En, 0, _) => format!("{rest} minutes"),
            (Self::En, _, 0) => format!("{hours} hours"),
            (Self::En, ..) => format!("{hours} hours {rest} minutes"),
        }
    }

    /// When a window comes.
    pub(in crate::web) fn recurrence(self, recurrence: Recurrence) -> String {
        let time = recurrence.time();
        match (self, recurrence) {
            (Self::Ja, Recurrence::Daily(_)) => format!("毎日 {time}から"),
            (Self::Ja, Recurrence::Monthly(which, _)) => format!("毎月 {} {time}から", which.japanese()),
            (Self::Ja, Recurrence::Once(day, _)) => format!("{} {time}から（1回だけ）", wareki(day)),
            (Self::En, Recurrence::Daily(_)) => format!("every day from {time}"),
            (Self::En, Recurrence::Monthly(which, _)) => format!("every month on {which} from {time}"),
            (Self::En, Recurrence::Once(day, _)) => format!("once, on {} from {time}", english(day)),
        }
    }

    /// What a window is for.
    pub(in crate::web) const fn kind(self, kind: WindowKind) -> &'static str {
        match (self, kind) {
            (Self::Ja, kind) => kind.japanese(),
            (Self::En, WindowKind::Daily) => "Daily backup",
            (Self::En, WindowKind::Monthly) => "Monthly backup",
            (Self::En, WindowKind::Maintenance) => "Maintenance",
            (Self::En, WindowKind::PowerInspection) => "Power inspection",
        }
    }

    /// Whether and what stops.
    pub(in crate::web) fn stops(self, terms: &Terms) -> String {
        if !terms.stops_services() {
            return self.t("停止しません", "Nothing stops").to_owned();
        }
        match self {
            Self::Ja => format!("停止します：{}", terms.parts().stops.join("、")),
            Self::En => format!("Stops: {}", terms.parts().stops.join(", ")),
        }
    }

    /// A role.
    pub(in crate::web) const fn role(self, role: Role) -> &'static str {
        match (self, role) {
            (Self::Ja, role) => role.japanese(),
            (Self::En, Role::ServiceOperator) => "Service operator (the association)",
            (Self::En, Role::OperationsManager) => "Operations manager",
            (Self::En, Role::SystemAdministrator) => "System administrator",
            (Self::En, Role::SystemOperator) => "System operator",
            (Self::En, Role::Auditor) => "Auditor",
            (Self::En, Role::Portal) => "Portal (a machine)",
        }
    }
}

/// A number with its thousands parted.
pub(in crate::web) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let parted = digits.chars().rev().enumerate().flat_map(|(at, digit)| {
        let comma = (at > 0 && at.is_multiple_of(3)).then_some(',');
        comma.into_iter().chain(std::iter::once(digit))
    });
    parted.collect::<Vec<char>>().into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            (grouped(0), grouped(999), grouped(1_234_567)),
            ("0".into(), "999".into(), "1,234,567".into())
        );
    }

    #[test]
    fn what_was_a_while_ago_is_said_in_the_largest_unit_that_fits() {
        let (now, at) =
            (Instant::from_micros(0), |minutes: i64| Instant::from_micros(0).plus_minutes(-minutes));
        assert_eq!(
            [5, 90, 26 * 60, 72 * 60].map(|m| Lang::Ja.ago(at(m), now)),
            ["5分前", "1時間前", "26時間前", "3日前"]
        );
        assert_eq!(Lang::En.ago(at(72 * 60), now), "3 days ago");
    }
}
