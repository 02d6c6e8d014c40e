//! Monitoring (稼働監視, 第22条②): what is asked whether it lives, how often, and what the answers mean together.
//!
//! One answer is no news: a target counts as down only after some answers in a row failed, and as up only after some came
//! again; whoever comes and goes too often within an hour stays down until it is quiet (flapping). What a window stops on
//! purpose neither counts against a target nor makes it down; what was down before stays down (K-100, K-101).

use crate::domain::time::Instant;

pub use crate::domain::monitor_target::{Ask, Damping, MonitorTarget, Monitoring, Question};

/// The span in which changes are counted, minutes.
pub const FLAPPING_MINUTES: i64 = 60;
/// So many times its rhythm a target may be without an answer that says anything.
const SILENT_ROUNDS: i64 = 4;

/// What came of asking once. The same words in rows and the API.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Answer {
    /// As it should be.
    Good,
    /// Nobody is there, or refuses.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// Another status.
    WrongStatus,
    /// Another content.
    WrongContent,
    /// The database did not answer the question.
    QueryFailed,
    /// This machine could not ask: a right, a program or a file is missing. It says nothing about the target.
    NotAsked,
}

/// What an answer says about a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It lives.
    Good,
    /// It does not.
    Bad,
    /// Nothing.
    Unknown,
}

impl Answer {
    /// Every answer.
    pub const ALL: [Self; 7] = [
        Self::Good,
        Self::Unreachable,
        Self::TimedOut,
        Self::WrongStatus,
        Self::WrongContent,
        Self::QueryFailed,
        Self::NotAsked,
    ];

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed-out",
            Self::WrongStatus => "wrong-status",
            Self::WrongContent => "wrong-content",
            Self::QueryFailed => "query-failed",
            Self::NotAsked => "not-asked",
        }
    }

    /// The answer of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.word() == word)
    }

    /// For people: Japanese and English.
    pub const fn sentences(self) -> (&'static str, &'static str) {
        match self {
            Self::Good => ("正常", "as it should be"),
            Self::Unreachable => ("接続できない", "cannot be reached"),
            Self::TimedOut => ("時間内に応答がない", "no answer in time"),
            Self::WrongStatus => ("応答の状態コードが違う", "another status"),
            Self::WrongContent => ("応答の内容が違う", "another content"),
            Self::QueryFailed => ("問い合わせに失敗した", "the query failed"),
            Self::NotAsked => ("このマシンから確認できない", "this machine cannot ask"),
        }
    }

    /// What it says.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Good => Verdict::Good,
            Self::Unreachable
            | Self::TimedOut
            | Self::WrongStatus
            | Self::WrongContent
            | Self::QueryFailed => Verdict::Bad,
            Self::NotAsked => Verdict::Unknown,
        }
    }
}

/// How a target stands, as far as answers together say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    /// Nobody knows yet.
    Unknown,
    /// It lives.
    Up,
    /// It does not.
    Down,
}

impl Standing {
    /// Every standing.
    pub const ALL: [Self; 3] = [Self::Unknown, Self::Up, Self::Down];

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// The standing of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.word() == word)
    }
}

/// What is known of a target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pulse {
    /// How it stands.
    pub standing: Standing,
    /// Since when: the first of the answers that made it so.
    pub since: Instant,
    /// Good answers in a row; 0 after another one.
    pub successes: u32,
    /// Failures in a row.
    pub failures: u32,
    /// The first answer of that row.
    pub streak_from: Instant,
    /// When it was asked last.
    pub asked_at: Instant,
    /// When an answer last said anything.
    pub known_at: Instant,
    /// The last answer.
    pub answer: Answer,
    /// Whether that was asked while a window stopped it.
    pub is_silenced: bool,
}

impl Pulse {
    /// A target that is asked for the first time at `at`.
    pub const fn unknown(at: Instant) -> Self {
        Self {
            standing: Standing::Unknown,
            since: at,
            successes: 0,
            failures: 0,
            streak_from: at,
            asked_at: at,
            known_at: at,
            answer: Answer::NotAsked,
            is_silenced: false,
        }
    }

    /// Whether it comes and goes: down, and yet it answers.
    pub const fn is_unsteady(&self) -> bool {
        matches!(self.standing, Standing::Down) && self.successes > 0
    }
}

/// One answer, as it was got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heard {
    /// What came.
    pub answer: Answer,
    /// When.
    pub at: Instant,
    /// Whether a window stopped the target on purpose.
    pub is_silenced: bool,
}

/// Whether it is time to ask a target. Also if the clock went back.
pub const fn is_due(pulse: Option<&Pulse>, every_minutes: u32, now: Instant) -> bool {
    match pulse {
        None => true,
        #[expect(clippy::as_conversions, reason = "a u32 fits into an i64, and From is not const")]
        Some(pulse) => {
            now.as_micros() < pulse.asked_at.as_micros()
                || pulse.asked_at.plus_minutes(every_minutes as i64).as_micros() <= now.as_micros()
        }
    }
}

/// What is known after another answer. `changes` are the times at which the standing changed.
pub fn after(before: Option<&Pulse>, heard: Heard, changes: &[Instant], damping: &Damping) -> Pulse {
    let Heard { answer, at, is_silenced } = heard;
    let mut next = before.cloned().unwrap_or_else(|| Pulse::unknown(at));
    (next.asked_at, next.answer, next.is_silenced) = (at, answer, is_silenced);
    match (answer.verdict(), is_silenced) {
        (Verdict::Unknown, _) => return next,
        // On purpose: no failure, and what failed before it is no row with what fails after it.
        (Verdict::Bad, true) => {
            (next.failures, next.successes, next.known_at) = (0, 0, at);
            return next;
        }
        (Verdict::Good, _) => {
            if next.successes == 0 {
                next.streak_from = at;
            }
            (next.successes, next.failures) = (next.successes.saturating_add(1), 0);
        }
        (Verdict::Bad, false) => {
            if next.failures == 0 {
                next.streak_from = at;
            }
            (next.failures, next.successes) = (next.failures.saturating_add(1), 0);
        }
    }
    next.known_at = at;
    let span = at.plus_minutes(FLAPPING_MINUTES.saturating_neg());
    let recent = changes.iter().filter(|change| **change > span).count();
    let is_quiet = recent < usize::try_from(damping.changes_per_hour).unwrap_or(usize::MAX);
    let standing = match next.standing {
        Standing::Unknown if next.successes > 0 => Standing::Up,
        Standing::Down if next.successes >= damping.successes && is_quiet => Standing::Up,
        Standing::Unknown | Standing::Up if next.failures >= damping.failures => Standing::Down,
        same @ (Standing::Unknown | Standing::Up | Standing::Down) => same,
    };
    if standing != next.standing {
        (next.standing, next.since) = (standing, next.streak_from);
    }
    next
}

/// Whether nothing was heard of a target for so long that nobody can say that it is monitored.
pub fn is_unheard(pulse: Option<&Pulse>, every_minutes: u32, (began, now): (Instant, Instant)) -> bool {
    let patience = i64::from(every_minutes).saturating_mul(SILENT_ROUNDS);
    let last = pulse.map_or(began, |pulse| pulse.known_at.max(began));
    last.plus_minutes(patience) <= now
}

/// What was heard in a span: how often, and what.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// As it should be.
    pub good: u64,
    /// Not.
    pub bad: u64,
    /// Asked while a window stopped it: counts for nothing.
    pub silenced: u64,
    /// Not asked: says nothing.
    pub unknown: u64,
}

impl Tally {
    /// Counts one answer.
    #[must_use]
    pub const fn with(mut self, answer: Answer, is_silenced: bool) -> Self {
        let count = match (answer.verdict(), is_silenced) {
            (Verdict::Unknown, _) => &mut self.unknown,
            (_, true) => &mut self.silenced,
            (Verdict::Good, false) => &mut self.good,
            (Verdict::Bad, false) => &mut self.bad,
        };
        *count = count.saturating_add(1);
        self
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            good: self.good.saturating_add(other.good),
            bad: self.bad.saturating_add(other.bad),
            silenced: self.silenced.saturating_add(other.silenced),
            unknown: self.unknown.saturating_add(other.unknown),
        }
    }

    /// The share of good answers among those that count, in hundredths of a per cent, rounded down. `None` if none counts.
    pub fn availability(&self) -> Option<u64> {
        let all = self.good.saturating_add(self.bad);
        self.good.saturating_mul(10_000).checked_div(all)
    }
}

/// A share as it is written: `99.95%`; `-` if nothing counts.
pub fn share(hundredths: Option<u64>) -> String {
    hundredths.map_or_else(
        || "-".to_owned(),
        |share| format!("{}.{:02}%", share.div_euclid(100), share.rem_euclid(100)),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAMPING: Damping = Damping { failures: 2, successes: 2, changes_per_hour: 4 };

    fn minute(minute: i64) -> Instant {
        Instant::from_micros(0).plus_minutes(minute)
    }

    /// What is known after answers, one every five minutes; `g`ood, `b`ad, `s`ilenced and bad, `n`ot asked.
    fn heard(answers: &str) -> (Pulse, Vec<Instant>) {
        let (mut pulse, mut changes) = (None::<Pulse>, Vec::new());
        for (at, sign) in (0..10_000).step_by(5).map(minute).zip(answers.chars()) {
            let answer = match sign {
                'g' => Answer::Good,
                'n' => Answer::NotAsked,
                _ => Answer::Unreachable,
            };
            let next =
                after(pulse.as_ref(), Heard { answer, at, is_silenced: sign == 's' }, &changes, &DAMPING);
            if pulse.as_ref().is_some_and(|before| {
                before.standing != next.standing && before.standing != Standing::Unknown
            }) {
                changes.push(at);
            }
            pulse = Some(next);
        }
        (pulse.expect("an answer"), changes)
    }

    #[test]
    fn some_failures_in_a_row_make_it_down_and_some_answers_up_again() {
        let table = [
            ("g", Standing::Up, 0),
            ("b", Standing::Unknown, 0),
            ("bb", Standing::Down, 0),
            ("gb", Standing::Up, 0),
            ("gbgb", Standing::Up, 0),
            ("gbb", Standing::Down, 1),
            ("gbbg", Standing::Down, 1),
            ("gbbgg", Standing::Up, 3),
            ("gbnb", Standing::Down, 1),
            ("gbs", Standing::Up, 0),
            ("gsssss", Standing::Up, 0),
            ("gssb", Standing::Up, 0),
            ("gssbb", Standing::Down, 3),
            ("gbsb", Standing::Up, 0),
            ("gbbsss", Standing::Down, 1),
            ("n", Standing::Unknown, 0),
        ];
        for (answers, standing, since_round) in table {
            let (pulse, _) = heard(answers);
            assert_eq!(pulse.standing, standing, "{answers}");
            assert_eq!(pulse.since, minute(since_round * 5), "{answers}");
        }
    }

    #[test]
    fn what_comes_and_goes_stays_down_until_it_is_quiet() {
        // Five changes within an hour: the last failure is believed, the recovery after it is not.
        let (pulse, changes) = heard("gbbggbbggbbgg");
        assert_eq!((pulse.standing, changes.len(), pulse.is_unsteady()), (Standing::Down, 5, true));
        let (pulse, changes) = heard("gbbggbbggbbgggggg");
        assert_eq!(
            (pulse.standing, changes.len()),
            (Standing::Up, 6),
            "three changes are left within the hour"
        );
    }

    #[test]
    fn nobody_is_asked_twice_in_a_round_and_a_clock_that_went_back_stops_nothing() {
        let (pulse, _) = heard("g");
        assert!(is_due(None, 5, minute(0)));
        assert!(!is_due(Some(&pulse), 5, minute(4)) && is_due(Some(&pulse), 5, minute(5)));
        assert!(is_due(Some(&pulse), 5, minute(-1)), "the clock went back");
        assert!(!is_unheard(Some(&pulse), 5, (minute(0), minute(19))));
        assert!(is_unheard(Some(&pulse), 5, (minute(0), minute(20))));
        assert!(!is_unheard(None, 5, (minute(15), minute(20))), "a target that is new has time");
    }

    #[test]
    fn availability_counts_what_was_not_announced() {
        let tally = Tally { good: 1999, bad: 1, silenced: 50, unknown: 7 };
        assert_eq!(share(tally.availability()), "99.95%");
        assert_eq!(share(Tally { silenced: 3, unknown: 2, ..Tally::default() }.availability()), "-");
        assert_eq!(
            share(Tally { good: 99_999, bad: 1, ..Tally::default() }.availability()),
            "99.99%",
            "never rounded up"
        );
        let one = Tally::default()
            .with(Answer::Good, false)
            .with(Answer::TimedOut, true)
            .with(Answer::NotAsked, false);
        assert_eq!(one.plus(one), Tally { good: 2, bad: 0, silenced: 2, unknown: 2 });
    }

    #[test]
    fn words_are_read_back() {
        assert!(Answer::ALL.into_iter().all(|answer| Answer::of_word(answer.word()) == Some(answer)));
        assert!(Standing::ALL.into_iter().all(|one| Standing::of_word(one.word()) == Some(one)));
    }

    proptest! {
        /// K-100: whatever is heard, failures in a row make it down, a change back to up comes at most so often in an hour,
        /// and what is silenced or could not be asked changes nothing.
        #[test]
        fn flapping_is_damped_and_silence_changes_nothing(answers in "[gbsn]{1,60}") {
            let (pulse, changes) = heard(&answers);
            let (before, _) = answers.split_at(answers.len().saturating_sub(1));
            if answers.ends_with("bb") {
                prop_assert_eq!(pulse.standing, Standing::Down);
            }
            if !before.is_empty() && (answers.ends_with('s') || answers.ends_with('n')) {
                prop_assert_eq!(pulse.standing, heard(before).0.standing);
            }
            for (index, change) in changes.iter().enumerate() {
                let recent = changes[..index].iter().filter(|one| **one > change.plus_minutes(-FLAPPING_MINUTES)).count();
                prop_assert!(recent <= usize::try_from(DAMPING.changes_per_hour).unwrap(), "{:?}", changes);
            }
        }
    }
}
