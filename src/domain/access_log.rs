//! Access logs of firewalls (第22条②): looked through on a schedule, counted by rules, and reviewed by a person.
//!
//! Only counts are kept: a log names addresses and persons, a row does not (K-9).

use crate::domain::time::Instant;

/// A log that is looked through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessLog {
    /// Its name: small letters, digits, `-`.
    pub name: String,
    /// Where it comes from.
    pub source: LogSource,
    /// How often it is looked through, hours.
    pub every_hours: u32,
    /// How long a look may wait for a person's review, days.
    pub review_days: u32,
    /// What is counted.
    pub rules: Vec<LogRule>,
}

/// Where a log comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LogSource {
    /// A file that grows; it is read on from where the last look ended.
    File(String),
    /// A program that prints what is new: program and arguments, no shell.
    Command(Vec<String>),
}

/// What is counted in a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogRule {
    /// Its name, in the words of the report.
    pub name: String,
    /// The regular expression that a line has to match.
    pub pattern: String,
    /// More lines than this in one look are noteworthy. `None`: they are only counted.
    pub limit: Option<u64>,
}

/// How far a file was read: which file it was, and how many of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LogPlace {
    /// What tells it from its successor of the same name: the inode.
    pub file: u64,
    /// Bytes that were read.
    pub offset: u64,
}

/// What a look through a log found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LogLook {
    /// Lines that were new.
    pub lines: u64,
    /// How many of them matched each rule, by its name.
    pub counts: Vec<(String, u64)>,
    /// The file was another one than last time: what the former one got after that look was not counted.
    pub is_gap: bool,
    /// It could not be read: `not-read`, `too-long`, `bad-rule`. Empty if it could.
    pub trouble: String,
}

impl LogLook {
    /// The rules whose limit was passed, with what was counted.
    pub fn noteworthy<'a>(&'a self, log: &'a AccessLog) -> Vec<(&'a LogRule, u64)> {
        let passed = self.counts.iter().filter_map(|(name, count)| {
            let rule = log.rules.iter().find(|rule| rule.name == *name)?;
            rule.limit.is_some_and(|limit| *count > limit).then_some((rule, *count))
        });
        passed.collect()
    }
}

/// A look, as far as it is known when it came and whether somebody has reviewed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Looked {
    /// When.
    pub at: Instant,
    /// Whether a person has seen it.
    pub is_reviewed: bool,
}

/// Whether it is time to look through a log. Also if the clock went back.
pub fn is_due(last: Option<Instant>, every_hours: u32, now: Instant) -> bool {
    let minutes = i64::from(every_hours).saturating_mul(60);
    last.is_none_or(|at| now < at || at.plus_minutes(minutes) <= now)
}

/// Since when a review is overdue, if one is: the oldest look that nobody has reviewed waited for too long.
pub fn review_overdue(looks: &[Looked], review_days: u32, now: Instant) -> Option<Instant> {
    let minutes = i64::from(review_days).saturating_mul(24 * 60);
    let oldest = looks.iter().filter(|look| !look.is_reviewed).map(|look| look.at).min()?;
    let due = oldest.plus_minutes(minutes);
    (due <= now).then_some(due)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(hour: i64) -> Instant {
        Instant::from_micros(0).plus_minutes(60_i64.saturating_mul(hour))
    }

    #[test]
    fn a_review_is_overdue_for_the_oldest_look_that_nobody_saw() {
        let look = |at: i64, is_reviewed| Looked { at: hour(at), is_reviewed };
        let week = 7 * 24;
        assert_eq!(review_overdue(&[], 7, hour(1000)), None);
        assert_eq!(review_overdue(&[look(0, true), look(24, false)], 7, hour(week + 23)), None);
        let looks = [look(0, true), look(24, false), look(48, false)];
        assert_eq!(review_overdue(&looks, 7, hour(week + 24)), Some(hour(week + 24)));
    }

    #[test]
    fn a_log_is_looked_through_in_its_rhythm() {
        assert!(is_due(None, 24, hour(0)) && is_due(Some(hour(0)), 24, hour(24)));
        assert!(!is_due(Some(hour(0)), 24, hour(23)) && is_due(Some(hour(10)), 24, hour(9)));
    }

    #[test]
    fn only_what_passes_its_limit_is_noteworthy() {
        let rule = |name: &str, limit| LogRule { name: name.to_owned(), pattern: "x".to_owned(), limit };
        let log = AccessLog {
            name: "firewall".to_owned(),
            source: LogSource::File("/var/log/firewall.log".to_owned()),
            every_hours: 24,
            review_days: 7,
            rules: vec![rule("拒否", Some(10)), rule("すべて", None)],
        };
        let counts = |denied| vec![("拒否".to_owned(), denied), ("すべて".to_owned(), 1_000_000)];
        let look = |denied| LogLook { counts: counts(denied), ..LogLook::default() };
        assert!(look(10).noteworthy(&log).is_empty());
        assert_eq!(look(11).noteworthy(&log).len(), 1);
    }
}
