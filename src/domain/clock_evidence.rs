//! Whether the date is known well enough to delete by it: a wrong clock may stop expiry, and never causes a deletion.
//!
//! The host's clock counts only beside at least one that lies outside the machine. Where there is none, or where the date
//! was not proved for long, a person who did not approve the deletion says what day it is. What disagrees is never outvoted.

use crate::domain::account::AccountId;
use crate::domain::time::{Day, Instant, Zone};

/// How far clocks may differ, seconds. Days are counted, so minutes do no harm.
pub const DIFFERENCE_SECONDS_MAX: i64 = 10 * 60;

/// How long ago the date may have been proved last before a person must say what day it is, minutes.
pub const SILENCE_MINUTES_MAX: i64 = 7 * 24 * 60;

/// How long a person's word about the date counts, minutes.
pub const WORD_MINUTES_MAX: i64 = 24 * 60;

/// What a clock showed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Which clock: the address of a store or of a page.
    pub source: String,
    /// What it showed.
    pub at: Instant,
}

/// Somebody said what day it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word {
    /// Who.
    pub by: AccountId,
    /// When, by the host's clock.
    pub at: Instant,
    /// The day.
    pub day: Day,
}

/// What is known about the date.
#[derive(Clone, Copy, Debug)]
pub struct ClockFacts<'a> {
    /// What the host's clock shows.
    pub host: Instant,
    /// What clocks outside the machine show, at the same moment.
    pub outside: &'a [Reading],
    /// When the newest line of the audit log was written.
    pub last_line: Option<Instant>,
    /// When the date was known well enough last.
    pub last_proved: Option<Instant>,
    /// The newest word of a person.
    pub word: Option<&'a Word>,
    /// The zone in which days are counted.
    pub zone: &'a Zone,
}

/// Why nothing is deleted now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// A clock outside the machine shows another time than the host's.
    Disagreement {
        /// Which clock.
        source: String,
        /// Seconds that the host's clock is ahead of it.
        ahead_seconds: i64,
    },
    /// The host's clock is behind the newest line of the log.
    Backwards {
        /// When that line was written.
        last_line: Instant,
    },
    /// No clock lies outside the machine, and nobody said what day it is.
    NoOutside,
    /// The date was not proved for long, and nobody said what day it is.
    Silence {
        /// When it was proved last.
        last_proved: Instant,
    },
}

impl Doubt {
    /// The code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Disagreement { .. } => "clock-disagrees",
            Self::Backwards { .. } => "clock-went-back",
            Self::NoOutside => "clock-unproved",
            Self::Silence { .. } => "clock-after-silence",
        }
    }

    /// The sentence for people.
    pub fn japanese(&self) -> String {
        match self {
            Self::Disagreement { source, ahead_seconds } => format!(
                "この機器の時計が {source} の時計と{ahead_seconds}秒ずれています。時計を直すまで削除しません。"
            ),
            Self::Backwards { last_line } => {
                format!("時計が監査ログの最新の記録（{last_line}）より前を示しています。時計を直すまで削除しません。")
            }
            Self::NoOutside => {
                "この機器の外に照合できる時計がありません。承認した人と別の人が、今日の日付を確かめてください。".to_owned()
            }
            Self::Silence { last_proved } => format!(
                "最後に日付を確かめたのは {last_proved} です。承認した人と別の人が、今日の日付を確かめてください。"
            ),
        }
    }

    /// The same in English.
    pub fn english(&self) -> String {
        match self {
            Self::Disagreement { source, ahead_seconds } => format!(
                "This machine's clock is {ahead_seconds} s ahead of the clock of {source}: nothing is deleted until it is set right."
            ),
            Self::Backwards { last_line } => format!(
                "The clock is behind the newest line of the audit log ({last_line}): nothing is deleted until it is set right."
            ),
            Self::NoOutside => {
                "No clock outside this machine can be asked: somebody other than the approver must confirm today's date \
                 (`kura expire today DATE`)."
                    .to_owned()
            }
            Self::Silence { last_proved } => format!(
                "The date was proved last at {last_proved}: somebody other than the approver must confirm today's date \
                 (`kura expire today DATE`)."
            ),
        }
    }
}

/// What speaks for the date.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    /// The instant by which things are due: the earliest of all clocks.
    pub now: Instant,
    /// The clocks outside the machine.
    pub outside: Vec<Reading>,
    /// Who said what day it is, if that was needed.
    pub word: Option<Word>,
}

/// The first clock outside the machine that disagrees with the host's.
///
/// Snapshots ask this too: what is stored by a wrong clock is filed under a wrong day and locked for too short or too long.
pub fn disagreement(host: Instant, outside: &[Reading]) -> Option<Doubt> {
    outside.iter().find_map(|reading| {
        let ahead_seconds = host.as_seconds().saturating_sub(reading.at.as_seconds());
        let is_far = ahead_seconds.unsigned_abs() > DIFFERENCE_SECONDS_MAX.unsigned_abs();
        is_far.then(|| Doubt::Disagreement { source: reading.source.clone(), ahead_seconds })
    })
}

/// Decides whether the date is known well enough. A person's word cures what is missing, never what contradicts.
pub fn prove(facts: &ClockFacts<'_>) -> Result<Proof, Doubt> {
    let seconds = |a: Instant, b: Instant| a.as_seconds().saturating_sub(b.as_seconds());
    if let Some(doubt) = disagreement(facts.host, facts.outside) {
        return Err(doubt);
    }
    let now = facts.outside.iter().map(|reading| reading.at).chain([facts.host]).min().unwrap_or(facts.host);
    // A clock that went back writes lines too: the newest of them says nothing of how late it was, when the date was known
    // last does.
    let last_line = facts.last_line.max(facts.last_proved);
    if let Some(last_line) = last_line.filter(|last| seconds(*last, now) > DIFFERENCE_SECONDS_MAX) {
        return Err(Doubt::Backwards { last_line });
    }
    let word = facts.word.filter(|word| {
        let is_fresh = word.at <= facts.host && facts.host < word.at.plus_minutes(WORD_MINUTES_MAX);
        is_fresh && facts.zone.day_of(word.at) == word.day
    });
    if word.is_none() && facts.outside.is_empty() {
        return Err(Doubt::NoOutside);
    }
    let silent = facts.last_proved.filter(|last| last.plus_minutes(SILENCE_MINUTES_MAX) < now);
    if let Some(last_proved) = silent.filter(|_| word.is_none()) {
        return Err(Doubt::Silence { last_proved });
    }
    Ok(Proof { now, outside: facts.outside.to_vec(), word: word.cloned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 24 * 60;

    fn tokyo() -> Zone {
        Zone::named("Asia/Tokyo").unwrap()
    }

    fn at(minutes: i64) -> Instant {
        tokyo().at("2027-11-23".parse().unwrap(), "03:00".parse().unwrap()).plus_minutes(minutes)
    }

    fn judged(
        host: i64,
        outside: &[i64],
        last: Option<i64>,
        word: Option<(i64, &str)>,
    ) -> Result<Instant, &'static str> {
        let outside: Vec<Reading> =
            outside.iter().map(|m| Reading { source: "s3://records".to_owned(), at: at(*m) }).collect();
        let word = word.map(|(minutes, day)| Word {
            by: "ishikai001".parse().unwrap(),
            at: at(minutes),
            day: day.parse().unwrap(),
        });
        let zone = tokyo();
        let facts = ClockFacts {
            host: at(host),
            outside: &outside,
            last_line: last.map(at),
            last_proved: last.map(at),
            word: word.as_ref(),
            zone: &zone,
        };
        prove(&facts).map(|proof| proof.now).map_err(|doubt| doubt.code())
    }

    #[test]
    fn a_wrong_clock_stops_expiry_and_only_a_missing_one_is_replaced_by_a_person() {
        let year = 395 * DAY;
        let today = Some((-60, "2027-11-23"));
        for (host, outside, last, word, expected) in [
            (0, &[0][..], Some(-DAY), None, Ok(at(0))),
            (0, &[-5], Some(-DAY), None, Ok(at(-5))),
            (5, &[0, -5], Some(-DAY), None, Ok(at(-5))),
            (year, &[0], Some(-DAY), None, Err("clock-disagrees")),
            (year, &[0], Some(-DAY), today, Err("clock-disagrees")),
            (0, &[year], Some(-DAY), today, Err("clock-disagrees")),
            (0, &[0, 11], Some(-DAY), None, Err("clock-disagrees")),
            // All clocks are ahead by 13 months: the log was silent for as long.
            (year, &[year], Some(-DAY), None, Err("clock-after-silence")),
            (year, &[], Some(-DAY), None, Err("clock-unproved")),
            (year, &[], Some(-DAY), Some((year, "2027-11-23")), Err("clock-unproved")),
            (year, &[year], Some(-DAY), Some((year, "2027-11-23")), Err("clock-after-silence")),
            (-year, &[-year], Some(-DAY), None, Err("clock-went-back")),
            (-year, &[], Some(-DAY), Some((-year, "2026-10-24")), Err("clock-went-back")),
            // A directory on one machine.
            (0, &[], Some(-DAY), None, Err("clock-unproved")),
            (0, &[], Some(-DAY), today, Ok(at(0))),
            (DAY - 61, &[], Some(-DAY), today, Ok(at(DAY - 61))),
            (DAY - 60, &[], Some(-DAY), today, Err("clock-unproved")),
            (0, &[], Some(-DAY), Some((-60, "2027-11-22")), Err("clock-unproved")),
            (0, &[], Some(-30 * DAY), today, Ok(at(0))),
            (0, &[0], Some(-7 * DAY), None, Ok(at(0))),
            (0, &[0], Some(-7 * DAY - 1), None, Err("clock-after-silence")),
            (0, &[0], None, None, Ok(at(0))),
        ] {
            assert_eq!(judged(host, outside, last, word), expected, "{host} {outside:?} {last:?} {word:?}");
        }
    }

    #[test]
    fn lines_that_a_clock_wrote_after_it_went_back_do_not_hide_that_it_did() {
        let zone = tokyo();
        let judged = |host: i64, last_line: i64| {
            let facts = ClockFacts {
                host: at(host),
                outside: &[],
                last_line: Some(at(last_line)),
                last_proved: Some(at(-DAY)),
                word: None,
                zone: &zone,
            };
            prove(&facts).map(|proof| proof.now).map_err(|doubt| doubt.code())
        };
        assert_eq!(judged(-395 * DAY, -395 * DAY - 5), Err("clock-went-back"));
        assert_eq!(judged(0, -5), Err("clock-unproved"));
    }

    #[test]
    fn a_clock_that_drifts_a_day_each_day_is_stopped_the_first_day() {
        for day in 1..400 {
            assert_eq!(
                judged(2 * day * DAY, &[day * DAY], Some((day - 1) * DAY), None),
                Err("clock-disagrees")
            );
        }
    }

    #[test]
    fn every_doubt_is_a_sentence_in_both_languages() {
        for doubt in [
            Doubt::Disagreement { source: "x".to_owned(), ahead_seconds: 700 },
            Doubt::Backwards { last_line: at(0) },
            Doubt::NoOutside,
            Doubt::Silence { last_proved: at(0) },
        ] {
            assert!(doubt.japanese().ends_with('。') && doubt.english().ends_with('.'), "{doubt:?}");
        }
    }

    proptest! {
        /// Whatever the clocks show: what is proved is never later than any of them.
        #[test]
        fn nothing_is_due_before_every_clock_says_so(
            host in -1000..1000_i64,
            outside in proptest::collection::vec(-1000..1000_i64, 0..4),
            last in proptest::option::of(-1000..1000_i64),
        ) {
            if let Ok(now) = judged(host, &outside, last, Some((host, "2027-11-23"))) {
                prop_assert!(now <= at(host) && outside.iter().all(|m| now <= at(*m)));
            }
        }
    }
}
