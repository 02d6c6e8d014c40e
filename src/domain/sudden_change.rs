//! A sudden change of a source (急な変化): what was rewritten or is gone, how much is new, and whether it still compresses.
//!
//! Data that was encrypted by somebody else looks like this, and so does a clean-up that went too far. Each snapshot is
//! compared with those before it: what happened at least twice of late is usual. Nothing here stops a snapshot (K-105).

use crate::domain::incident_words::{moment, moment_en};
use crate::domain::time::{Instant, Zone};

/// So many snapshots before a new one are compared with it.
pub const EARLIER_MAX: usize = 14;

/// Fewer than so many are no measure of what is usual: the first snapshots of a plan raise no alarm.
pub const EARLIER_MIN: usize = 3;

/// What is usual counts so often before more is sudden.
const TIMES: u64 = 3;

/// New bytes count so often before more is sudden.
const VOLUME_TIMES: u64 = 10;

/// By so many parts of a hundred less must compress than usual.
const PACKED_JUMP: u64 = 25;

/// New data says something of the whole from so many parts of a hundred of it on.
const WEIGHT: u64 = 5;

/// What differs between a snapshot and the one before it. Counts, no names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ChangeFacts {
    /// Files of the snapshot before.
    pub files_before: u64,
    /// Bytes of the snapshot before.
    pub bytes_before: u64,
    /// Bytes of this one.
    pub bytes: u64,
    /// Files that were not there before.
    pub new_files: u64,
    /// Files whose content is another.
    pub changed_files: u64,
    /// Files that are gone.
    pub removed_files: u64,
    /// Bytes of plaintext that were stored.
    pub new_bytes: u64,
    /// Bytes of the frames that they were compressed into.
    pub packed_bytes: u64,
    /// Whether files could be compared with the snapshot before: not in the first, nor when the cache was lost.
    pub is_compared: bool,
    /// Whether much was stored that is not new: the first snapshot, a new generation, a damaged cohort sent again.
    pub is_resent: bool,
}

impl ChangeFacts {
    /// Of a hundred files of the snapshot before, how many were rewritten or are gone.
    const fn churn(&self) -> Option<u64> {
        let touched = self.changed_files.saturating_add(self.removed_files);
        if self.is_compared { touched.saturating_mul(100).checked_div(self.files_before) } else { None }
    }

    /// Of a hundred bytes that are new, how many are left after compression.
    const fn packed(&self) -> Option<u64> {
        self.packed_bytes.saturating_mul(100).checked_div(self.new_bytes)
    }
}

/// A snapshot that came before, and whether it was sudden itself: what somebody may have done on purpose is not usual.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Earlier {
    /// What had changed in it.
    pub facts: ChangeFacts,
    /// Whether it raised the alarm.
    pub is_sudden: bool,
}

/// From where on a change is sudden. A share of 0 turns its rule off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Of a hundred files, rewritten or gone.
    pub churn_percent: u64,
    /// New bytes, or bytes that are gone, of a hundred bytes of the snapshot before.
    pub volume_percent: u64,
    /// Of a hundred new bytes, left after compression.
    pub packed_percent: u64,
    /// Fewer files say nothing.
    pub files_min: u64,
    /// Fewer bytes say nothing.
    pub bytes_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { churn_percent: 30, volume_percent: 50, packed_percent: 90, files_min: 20, bytes_min: 1 << 20 }
    }
}

/// A measure that jumped: what it is now, and what was usual.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Jump {
    /// Now, of a hundred.
    pub now: u64,
    /// What was usual, of a hundred.
    pub usual: u64,
}

/// What changed suddenly: at least one of these.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sudden {
    /// Files rewritten or gone.
    pub churn: Option<Jump>,
    /// New data.
    pub grown: Option<Jump>,
    /// Data that is gone.
    pub shrunk: Option<Jump>,
    /// What does not compress.
    pub packed: Option<Jump>,
}

/// Whether a snapshot changed suddenly, given those before it, newest last.
pub fn judge(facts: &ChangeFacts, earlier: &[Earlier], limits: &Limits) -> Option<Sudden> {
    let start = earlier.len().saturating_sub(EARLIER_MAX);
    let earlier = earlier.get(start..).unwrap_or_default();
    if earlier.len() < EARLIER_MIN {
        return None;
    }
    let calm: Vec<&ChangeFacts> = earlier.iter().filter(|one| !one.is_sudden).map(|one| &one.facts).collect();
    let sudden = Sudden {
        churn: churn(facts, &calm, limits),
        grown: grown(facts, &calm, limits),
        shrunk: shrunk(facts, limits),
        packed: packed(facts, &calm, limits),
    };
    (sudden != Sudden::default()).then_some(sudden)
}

/// The second largest: what happened once may have been an accident, what happened twice is how this source is.
fn usual(values: impl Iterator<Item = u64>) -> u64 {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values.iter().rev().nth(1).copied().unwrap_or(0)
}

fn churn(facts: &ChangeFacts, calm: &[&ChangeFacts], limits: &Limits) -> Option<Jump> {
    let touched = facts.changed_files.saturating_add(facts.removed_files);
    if limits.churn_percent == 0 || touched < limits.files_min {
        return None;
    }
    let now = facts.churn()?;
    let usual = usual(calm.iter().filter_map(|one| one.churn()));
    let bar = limits.churn_percent.max(usual.saturating_mul(TIMES));
    (now >= bar).then_some(Jump { now, usual })
}

/// New bytes of a hundred bytes that there were.
fn growth(facts: &ChangeFacts) -> Option<u64> {
    if facts.is_resent {
        return None;
    }
    facts.new_bytes.saturating_mul(100).checked_div(facts.bytes_before)
}

fn grown(facts: &ChangeFacts, calm: &[&ChangeFacts], limits: &Limits) -> Option<Jump> {
    if limits.volume_percent == 0 || facts.new_bytes < limits.bytes_min {
        return None;
    }
    let now = growth(facts)?;
    let usual = usual(calm.iter().filter_map(|one| growth(one)));
    let bar = limits.volume_percent.max(usual.saturating_mul(VOLUME_TIMES));
    (now >= bar).then_some(Jump { now, usual })
}

fn shrunk(facts: &ChangeFacts, limits: &Limits) -> Option<Jump> {
    let gone = facts.bytes_before.saturating_sub(facts.bytes);
    if limits.volume_percent == 0 || !facts.is_compared || gone < limits.bytes_min {
        return None;
    }
    let now = gone.saturating_mul(100).checked_div(facts.bytes_before)?;
    (now >= limits.volume_percent).then_some(Jump { now, usual: 0 })
}

/// Compared with all that was stored before, by bytes: a day with one picture says nothing of a folder of texts.
fn packed(facts: &ChangeFacts, calm: &[&ChangeFacts], limits: &Limits) -> Option<Jump> {
    let is_light = facts.new_bytes < limits.bytes_min
        || facts.new_bytes.saturating_mul(100) < facts.bytes.saturating_mul(WEIGHT);
    if limits.packed_percent == 0 || facts.is_resent || is_light {
        return None;
    }
    let sum = |of: fn(&ChangeFacts) -> u64| calm.iter().fold(0_u64, |sum, one| sum.saturating_add(of(one)));
    let before = ChangeFacts {
        new_bytes: sum(|one| one.new_bytes),
        packed_bytes: sum(|one| one.packed_bytes),
        ..ChangeFacts::default()
    };
    if before.new_bytes < limits.bytes_min {
        return None;
    }
    let (now, usual) = (facts.packed()?, before.packed()?);
    let bar = limits.packed_percent.max(usual.saturating_add(PACKED_JUMP));
    (now >= bar).then_some(Jump { now, usual })
}

impl Sudden {
    /// The sentences of the alarm. Frames hold a few bytes more than what they cannot compress: that is all of it.
    pub fn words(&self, plan: &str, taken_at: Instant, zone: &Zone) -> (String, String) {
        let (mut ja, mut en) = (Vec::new(), Vec::new());
        if let Some(Jump { now, usual }) = self.churn {
            ja.push(format!(
                "前回あったファイルの{now}%が書き換えられたか、なくなりました（ふだんは{usual}%まで）"
            ));
            en.push(format!("{now}% of the files were rewritten or are gone (usual: up to {usual}%)"));
        }
        if let Some(Jump { now, usual }) = self.grown {
            ja.push(format!(
                "新しいデータが前回の全体の{now}%にあたる量になりました（ふだんは{usual}%まで）"
            ));
            en.push(format!("new data are {now}% of what there was (usual: up to {usual}%)"));
        }
        if let Some(Jump { now, .. }) = self.shrunk {
            ja.push(format!("データの量が{now}%減りました"));
            en.push(format!("{now}% of the data are gone"));
        }
        if let Some(Jump { now, usual }) = self.packed {
            let (now, usual) = (now.min(100), usual.min(100));
            ja.push(format!("新しいデータがほとんど圧縮できません（圧縮後の大きさ{now}%、ふだんは{usual}%）。暗号化された可能性があります"));
            en.push(format!(
                "new data hardly compress ({now}% is left, usual: {usual}%): they may be encrypted"
            ));
        }
        let (at, at_en) = (moment(taken_at, zone), moment_en(taken_at, zone));
        (
            format!("計画 {plan} の対象が急に変化しました（{at}のスナップショット）。{}。", ja.join("。")),
            format!("The source of {plan} changed suddenly (snapshot of {at_en}). Found: {}.", en.join("; ")),
        )
    }
}

/// The kinds of what a person writes into an incident that answer this alarm: somebody has looked at it. A step from one
/// state to the next (`state`) does, and whether data of persons are concerned (`persons`); that somebody was told does not.
const ANSWERS: [&str; 4] = ["state", "note", "persons", "field"];

/// Whether somebody has looked at a sudden change since its incident tells of it. `entries`: actor, kind and reference of
/// what happened, oldest first; `reference`: that of the alarm. What happened once lasts until somebody has said so.
pub fn is_answered<'a>(reference: &str, entries: impl Iterator<Item = (&'a str, &'a str, &'a str)>) -> bool {
    let after = entries.skip_while(|(_, _, told)| *told != reference).skip(1);
    after.into_iter().any(|(actor, kind, _)| actor != "kura" && ANSWERS.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    /// A quiet day: 2 of 1000 files, 5 MiB of text.
    fn quiet() -> ChangeFacts {
        ChangeFacts {
            files_before: 1000,
            bytes_before: 1000 * MIB,
            bytes: 1000 * MIB,
            new_files: 3,
            changed_files: 2,
            removed_files: 1,
            new_bytes: 5 * MIB,
            packed_bytes: 2 * MIB,
            is_compared: true,
            is_resent: false,
        }
    }

    fn first() -> ChangeFacts {
        ChangeFacts {
            files_before: 0,
            bytes_before: 0,
            new_files: 1000,
            changed_files: 0,
            removed_files: 0,
            new_bytes: 1000 * MIB,
            packed_bytes: 300 * MIB,
            is_compared: false,
            is_resent: true,
            ..quiet()
        }
    }

    fn after(days: impl IntoIterator<Item = ChangeFacts>) -> Vec<Earlier> {
        let calm = |facts| Earlier { facts, is_sudden: false };
        std::iter::once(first()).chain(days).map(calm).collect()
    }

    fn told(facts: ChangeFacts, earlier: &[Earlier]) -> Vec<&'static str> {
        let found = judge(&facts, earlier, &Limits::default()).unwrap_or_default();
        let all = [
            ("churn", found.churn),
            ("grown", found.grown),
            ("shrunk", found.shrunk),
            ("packed", found.packed),
        ];
        all.into_iter().filter(|(_, jump)| jump.is_some()).map(|(name, _)| name).collect()
    }

    #[test]
    fn what_is_sudden_is_exactly_this() {
        let quiet = quiet();
        let calm = after([quiet; 5]);
        let encrypted =
            ChangeFacts { changed_files: 980, new_bytes: 980 * MIB, packed_bytes: 980 * MIB, ..quiet };
        let renamed = ChangeFacts { new_files: 980, changed_files: 0, removed_files: 980, ..encrypted };
        let fifth =
            ChangeFacts { changed_files: 200, new_bytes: 200 * MIB, packed_bytes: 200 * MIB, ..quiet };
        let emptied = ChangeFacts { removed_files: 400, bytes: 400 * MIB, ..quiet };
        let flood = ChangeFacts {
            new_files: 9,
            new_bytes: 700 * MIB,
            packed_bytes: 200 * MIB,
            bytes: 1700 * MIB,
            ..quiet
        };
        let picture = ChangeFacts { new_bytes: 9 * MIB, packed_bytes: 9 * MIB, ..quiet };
        let table: [(&str, ChangeFacts, &[&str]); 9] = [
            ("a day like any other", quiet, &[]),
            ("everything encrypted in its place", encrypted, &["churn", "grown", "packed"]),
            ("everything encrypted under another name", renamed, &["churn", "grown", "packed"]),
            ("a fifth encrypted", fifth, &["packed"]),
            ("more than half is gone", emptied, &["churn", "shrunk"]),
            ("a flood of new data", flood, &["grown"]),
            ("one picture among texts", picture, &[]),
            ("the cache was lost", ChangeFacts { is_compared: false, is_resent: true, ..encrypted }, &[]),
            (
                "a new generation, all as it was",
                ChangeFacts { is_resent: true, new_bytes: 1000 * MIB, packed_bytes: 950 * MIB, ..quiet },
                &[],
            ),
        ];
        for (what, facts, expected) in table {
            assert_eq!(told(facts, &calm), expected, "{what}");
        }
        let in_new_generation = ChangeFacts { is_resent: true, ..encrypted };
        assert_eq!(told(in_new_generation, &calm), ["churn"], "a new generation hides no encryption");
    }

    #[test]
    fn the_first_snapshots_of_a_plan_raise_no_alarm() {
        let encrypted = ChangeFacts { changed_files: 980, ..quiet() };
        for days in 0..4 {
            let earlier = after(vec![quiet(); days]);
            assert_eq!(told(encrypted, &earlier).is_empty(), earlier.len() < EARLIER_MIN, "{days}");
        }
    }

    #[test]
    fn what_happens_every_week_is_usual_and_what_was_sudden_is_not() {
        let rebuilt = ChangeFacts { changed_files: 900, ..quiet() };
        let mut days = vec![quiet(); 14];
        (days[2], days[9]) = (rebuilt, rebuilt);
        assert_eq!(told(rebuilt, &after(days)), [""; 0], "twice in two weeks");
        let mut earlier = after(vec![quiet(); 5]);
        earlier.extend([Earlier { facts: rebuilt, is_sudden: true }; 3]);
        assert_eq!(told(rebuilt, &earlier), ["churn"], "it stays sudden");
    }

    #[test]
    fn a_source_of_pictures_does_not_jump_and_a_dump_that_is_encrypted_does() {
        let of = |new_bytes, packed_bytes, is_resent| ChangeFacts {
            files_before: 1,
            bytes_before: 100 * MIB,
            bytes: 100 * MIB,
            changed_files: 1,
            new_bytes,
            packed_bytes,
            is_compared: true,
            is_resent,
            ..ChangeFacts::default()
        };
        let all = |facts: ChangeFacts| [Earlier { facts, is_sudden: false }; 5];
        assert_eq!(told(of(90 * MIB, 89 * MIB, false), &all(of(90 * MIB, 88 * MIB, false))), [""; 0]);
        assert_eq!(told(of(90 * MIB, 90 * MIB, false), &all(of(90 * MIB, 20 * MIB, false))), ["packed"]);
    }

    #[test]
    fn a_rule_can_be_turned_off_and_its_words_say_what_happened() {
        let encrypted =
            ChangeFacts { changed_files: 980, new_bytes: 980 * MIB, packed_bytes: 981 * MIB, ..quiet() };
        let off = Limits { churn_percent: 0, volume_percent: 0, packed_percent: 0, ..Limits::default() };
        assert_eq!(judge(&encrypted, &after([quiet(); 5]), &off), None);
        let found = judge(&encrypted, &after([quiet(); 5]), &Limits::default()).unwrap();
        let (ja, en) = found.words("records", Instant::from_micros(1_795_000_000_000_000), &Zone::tokyo());
        assert!(
            ja.starts_with("計画 records の対象が急に変化しました（令和8年") && ja.ends_with("。"),
            "{ja}"
        );
        assert!(ja.contains("98%が書き換えられたか") && ja.contains("圧縮後の大きさ100%"), "{ja}");
        assert!(en.contains("98% of the files were rewritten") && en.ends_with('.'), "{en}");
    }

    #[test]
    fn it_lasts_until_a_person_has_looked_at_it() {
        let told = ("kura", "alarm", "alarm/x");
        let answered = |more: &[(&'static str, &'static str, &'static str)]| {
            is_answered(
                "alarm/x",
                [("kura", "opened", "opened"), told].into_iter().chain(more.iter().copied()),
            )
        };
        assert!(!answered(&[]));
        assert!(!answered(&[("kura", "run", "run/1"), ("operator01", "contact", "")]));
        assert!(!answered(&[("kura", "state", "")]), "that it came back says nobody");
        assert!(answered(&[("operator01", "state", "")]));
        let before = [("operator01", "note", ""), told];
        assert!(!is_answered("alarm/x", before.into_iter()), "it was written before");
        assert!(!is_answered("alarm/y", [told, ("operator01", "state", "")].into_iter()));
    }

    fn any_facts() -> impl Strategy<Value = ChangeFacts> {
        let number = || prop_oneof![Just(0), 0_u64..2000, Just(u64::MAX)];
        ((number(), number(), number(), number()), (number(), number(), number(), any::<(bool, bool)>()))
            .prop_map(
                |(
                    (files_before, bytes_before, bytes, new_files),
                    (changed_files, new_bytes, packed_bytes, flags),
                )| {
                    ChangeFacts {
                        files_before,
                        bytes_before,
                        bytes,
                        new_files,
                        changed_files,
                        removed_files: 0,
                        new_bytes,
                        packed_bytes,
                        is_compared: flags.0,
                        is_resent: flags.1,
                    }
                },
            )
    }

    proptest! {
        /// Whatever is counted: no overflow, nothing said of the first snapshots, nothing of a day like those before.
        #[test]
        fn what_comes_every_day_is_never_sudden_for_its_files(facts in any_facts(), days in 0_usize..20) {
            let earlier = vec![Earlier { facts, is_sudden: false }; days];
            let found = judge(&facts, &earlier, &Limits::default());
            prop_assert!(days >= EARLIER_MIN || found.is_none());
            prop_assert!(found.is_none_or(|found| found.churn.is_none_or(|jump| jump.usual.saturating_mul(TIMES) <= jump.now)));
        }
    }
}
