//! Statements of recoverability: of which days an identical copy exists that was checked, and how long giving them back
//! takes. It decides whether data were lost at all (滅失): what is kept elsewhere and can be given back is not lost.

use crate::domain::cohort::CohortId;
use crate::domain::time::{Day, Instant};

/// How far copies were checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Checked {
    /// Every object is there with its size, and signatures hold.
    Presence,
    /// Beside that every byte was read and compared with its SHA-256.
    Read,
    /// Beside that everything was opened with a recovery key, and every file's parts were found.
    Opened,
}

impl Checked {
    /// The word in records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Read => "read",
            Self::Opened => "opened",
        }
    }

    /// For people: Japanese and English.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Presence => ("保存物の有無、大きさ、署名を確認", "presence, sizes and signatures"),
            Self::Read => {
                ("全バイトを読み直し、SHA-256で確認", "every byte read again and compared by SHA-256")
            }
            Self::Opened => {
                ("復旧鍵で開き、全チャンクを確認", "opened with a recovery key, every chunk checked")
            }
        }
    }
}

/// What a copy has of a cohort.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CopyState {
    /// Everything, unaltered as far as it was checked.
    Whole,
    /// So many objects are missing or altered.
    Damaged(u64),
    /// Nothing: the copy does not know the cohort.
    Absent,
}

impl CopyState {
    /// The word in records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Damaged(_) => "damaged",
            Self::Absent => "absent",
        }
    }
}

/// A snapshot that a statement names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedSnapshot {
    /// Its place in the chain of its plan.
    pub sequence: u64,
    /// SHA-256 of it, hexadecimal.
    pub digest: String,
    /// When it was taken.
    pub taken_at: Instant,
}

impl NamedSnapshot {
    /// The id that people type.
    pub fn id(&self) -> &str {
        self.digest.get(..12).unwrap_or(&self.digest)
    }
}

/// What is known of one path that was asked for.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct PathStanding {
    /// Files that it names.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files of them in cohorts that can be given back.
    pub recoverable: u64,
    /// Lists of names that could not be read: nobody knows what else the path names in them.
    pub unreadable: u64,
    /// The snapshot in which they are, if it is an older one than the statement speaks of: the newest that has any.
    pub older: Option<NamedSnapshot>,
}

/// What is known of one cohort that was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CohortStanding {
    /// The cohort.
    pub cohort: CohortId,
    /// When the oldest snapshot was taken from which on it was just so: from then on there was a copy of this content.
    pub since: Instant,
    /// Files and bytes in the snapshot that is spoken of.
    pub size: (u64, u64),
    /// The last snapshot that names it, if the one that is spoken of does not; the size is then of this one.
    pub older: Option<NamedSnapshot>,
    /// What each copy has, in the order of the copies.
    pub copies: Vec<CopyState>,
    /// Whether evidence shows that it was deleted when its time was over.
    pub is_deleted: bool,
}

/// What may be said of a cohort.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// A whole copy exists: it can be given back.
    Recoverable,
    /// It was deleted in its time, with a certificate: nothing is owed.
    Deleted,
    /// Copies exist and none is whole: some of it can be given back, and nobody can say which without a recovery key.
    Partly,
    /// No copy has it.
    NotRecoverable,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 4] = [Self::Recoverable, Self::Deleted, Self::Partly, Self::NotRecoverable];

    /// The word in records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Recoverable => "recoverable",
            Self::Deleted => "deleted",
            Self::Partly => "partly",
            Self::NotRecoverable => "not-recoverable",
        }
    }

    /// For people: Japanese and English.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Recoverable => ("同一の写しがあり、復元できます", "an identical copy exists"),
            Self::Deleted => {
                ("保管期限を過ぎ、消去済みです（消去証明書あり）", "deleted in its time, with a certificate")
            }
            Self::Partly => (
                "完全な写しがありません。一部は復元できる場合があります",
                "no copy is whole; some may come back",
            ),
            Self::NotRecoverable => ("写しがなく、復元できません", "no copy has it"),
        }
    }
}

impl CohortStanding {
    /// What may be said of it.
    pub fn verdict(&self) -> Verdict {
        if self.copies.contains(&CopyState::Whole) && !self.is_deleted {
            Verdict::Recoverable
        } else if self.is_deleted {
            Verdict::Deleted
        } else if self.copies.iter().any(|copy| matches!(copy, CopyState::Damaged(_))) {
            Verdict::Partly
        } else {
            Verdict::NotRecoverable
        }
    }

    /// Whether its days touch those that were asked for.
    pub fn is_asked(cohort: &CohortId, days: Option<(Day, Day)>) -> bool {
        let Some((from, to)) = days else { return true };
        let (first, last) = match cohort {
            CohortId::Sent(day) => (*day, *day),
            CohortId::Generation(generation) => (generation.first_day(), generation.last_day()),
        };
        first <= to && from <= last
    }
}

/// A restore that was timed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timed {
    /// Files that came back.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long it took, milliseconds.
    pub milliseconds: u64,
}

/// How long giving back so many files and bytes takes by the last drill, milliseconds: by files or by bytes, whichever is
/// more. `None` if no drill can say.
pub fn estimate(timed: Option<Timed>, (files, bytes): (u64, u64)) -> Option<u64> {
    let timed = timed.filter(|timed| timed.files > 0 && timed.milliseconds > 0)?;
    let scaled = |wanted: u64, had: u64| {
        let product = u128::from(wanted).checked_mul(u128::from(timed.milliseconds))?;
        Some(u64::try_from(product.div_ceil(u128::from(had.max(1)))).unwrap_or(u64::MAX))
    };
    let by_files = scaled(files, timed.files)?;
    // A drill of empty files says nothing about bytes.
    let by_bytes = if timed.bytes == 0 { 0 } else { scaled(bytes, timed.bytes)? };
    Some(by_files.max(by_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn standing(copies: &[CopyState], is_deleted: bool) -> Verdict {
        let cohort = CohortId::Sent("2026-11-22".parse().unwrap());
        let copies = copies.to_vec();
        let since = Instant::from_micros(0);
        CohortStanding { cohort, since, size: (1, 1), older: None, copies, is_deleted }.verdict()
    }

    #[test]
    fn one_whole_copy_is_enough_and_damaged_ones_are_never_called_whole() {
        use CopyState::{Absent, Damaged, Whole};
        assert_eq!(standing(&[Whole], false), Verdict::Recoverable);
        assert_eq!(standing(&[Damaged(2), Whole], false), Verdict::Recoverable);
        assert_eq!(standing(&[Damaged(2), Absent], false), Verdict::Partly);
        assert_eq!(standing(&[Absent, Absent], false), Verdict::NotRecoverable);
        assert_eq!(standing(&[], false), Verdict::NotRecoverable);
        assert_eq!(standing(&[Absent], true), Verdict::Deleted);
    }

    #[test]
    fn days_and_months_are_asked_for_by_day() {
        let days = |from: &str, to: &str| Some((from.parse().unwrap(), to.parse().unwrap()));
        let cohort = |text: &str| text.parse::<CohortId>().unwrap();
        let is_asked = |text: &str, days| CohortStanding::is_asked(&cohort(text), days);
        assert!(
            is_asked("sent-2026-11-22", None)
                && is_asked("sent-2026-11-22", days("2026-11-22", "2026-11-22"))
        );
        assert!(!is_asked("sent-2026-11-22", days("2026-11-23", "2026-12-31")));
        assert!(is_asked("gen-2026-11", days("2026-11-30", "2026-12-31")));
        assert!(!is_asked("gen-2026-11", days("2026-12-01", "2026-12-31")));
    }

    #[test]
    fn how_long_it_takes_is_never_guessed() {
        let timed = Timed { files: 100, bytes: 1_000_000, milliseconds: 2_000 };
        assert_eq!(estimate(None, (1, 1)), None);
        assert_eq!(estimate(Some(Timed { files: 0, ..timed }), (1, 1)), None);
        assert_eq!(estimate(Some(timed), (100, 5_000_000)), Some(10_000), "the bytes decide");
        assert_eq!(estimate(Some(timed), (1_000, 1)), Some(20_000), "the files decide");
    }

    proptest! {
        #[test]
        fn more_never_takes_less(files in 0_u64..1_000_000, bytes in 0_u64..1_000_000_000, more in 0_u64..1_000_000) {
            let timed = Some(Timed { files: 7, bytes: 13, milliseconds: 17 });
            prop_assert!(estimate(timed, (files, bytes)) <= estimate(timed, (files.saturating_add(more), bytes.saturating_add(more))));
        }
    }
}
