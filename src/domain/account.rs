//! Accounts: what an id and a password must be (別紙1, and more where there is no second factor), and the lockout.

use std::fmt;
use std::str::FromStr;

use crate::domain::role::{Act, Role, may};
use crate::domain::time::Instant;

/// The shortest id (別紙1: 10桁以上の英数字).
pub const ID_CHARACTERS_MIN: usize = 10;
/// The longest id.
pub const ID_CHARACTERS_MAX: usize = 64;
/// The shortest password (別紙1: 8桁以上).
pub const PASSWORD_CHARACTERS_MIN: usize = 8;
/// The shortest password of an account without a second factor (the ministry's guideline, シQ-54).
pub const PASSWORD_CHARACTERS_MIN_ALONE: usize = 13;
/// The longest password: more would only cost time to hash.
pub const PASSWORD_CHARACTERS_MAX: usize = 128;
/// Wrong passwords in a row until the account is locked for a while.
pub const FAILURES_MAX: u32 = 5;
/// The first lock, minutes. Each further wrong password doubles it.
pub const LOCK_MINUTES: i64 = 15;
/// The longest lock, minutes: one day.
pub const LOCK_MINUTES_MAX: i64 = 24 * 60;

/// The id of an account: one person, or one machine.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AccountId(String);

impl AccountId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not an id.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{0:?} is no account id: 別紙1 asks for {ID_CHARACTERS_MIN} to {ID_CHARACTERS_MAX} letters and digits (A-Z a-z 0-9)"
)]
pub struct BadAccountId(pub String);

impl FromStr for AccountId {
    type Err = BadAccountId;

    fn from_str(text: &str) -> Result<Self, BadAccountId> {
        let is_right = (ID_CHARACTERS_MIN..=ID_CHARACTERS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_right { Ok(Self(text.to_owned())) } else { Err(BadAccountId(text.to_owned())) }
    }
}

/// A rule that a password breaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PasswordFault {
    /// 別紙1: at least 8 characters.
    TooShort,
    /// Without a second factor: at least 13.
    TooShortAlone,
    /// Longer than is hashed.
    TooLong,
    /// 別紙1: a letter.
    NoLetter,
    /// 別紙1: a digit.
    NoDigit,
    /// 別紙1: a symbol.
    NoSymbol,
    /// Only printable ASCII can be typed everywhere.
    OtherCharacter,
    /// The id stands in it.
    HoldsId,
    /// It was this account's before.
    UsedBefore,
    /// It is among the first that are guessed.
    Common,
}

impl fmt::Display for PasswordFault {
    /// The rule, to be read after "the password …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => write!(f, "has less than {PASSWORD_CHARACTERS_MIN} characters (別紙1)"),
            Self::TooShortAlone => write!(
                f,
                "has less than {PASSWORD_CHARACTERS_MIN_ALONE} characters, which an account without a second factor needs"
            ),
            Self::TooLong => write!(f, "has more than {PASSWORD_CHARACTERS_MAX} characters"),
            Self::NoLetter => f.write_str("has no letter (別紙1)"),
            Self::NoDigit => f.write_str("has no digit (別紙1)"),
            Self::NoSymbol => f.write_str("has no symbol such as ! or # (別紙1)"),
            Self::OtherCharacter => f.write_str("has a character that is not printable ASCII"),
            Self::HoldsId => f.write_str("contains the account's id"),
            Self::UsedBefore => f.write_str("was used by this account before"),
            Self::Common => f.write_str("is built from a word that is guessed first"),
        }
    }
}

impl PasswordFault {
    /// The rule in Japanese, a whole sentence.
    pub const fn japanese(self) -> &'static str {
        match self {
            Self::TooShort => "パスワードは8桁以上にしてください（別紙1）。",
            Self::TooShortAlone => "二要素認証のないアカウントのパスワードは13桁以上にしてください。",
            Self::TooLong => "パスワードは128桁以内にしてください。",
            Self::NoLetter => "パスワードに英字を1つ以上使用してください（別紙1）。",
            Self::NoDigit => "パスワードに数字を1つ以上使用してください（別紙1）。",
            Self::NoSymbol => "パスワードに記号を1つ以上使用してください（別紙1）。",
            Self::OtherCharacter => "パスワードには半角の英数記号だけを使用してください。",
            Self::HoldsId => "パスワードにユーザーＩＤを含めないでください。",
            Self::UsedBefore => "以前に使用したパスワードは使用できません。",
            Self::Common => "推測されやすい語をもとにしたパスワードは使用できません。",
        }
    }
}

/// Words that guessing begins with; a password that is one of them and little more is refused.
const COMMON: &[&str] =
    &["password", "passw0rd", "qwerty", "letmein", "welcome", "admin", "hachimaru", "nagoya"];

/// How many characters may stand beside a common word.
const BESIDE_COMMON_MAX: usize = 5;

/// Everything that is wrong with a password, but for reuse, which only its history knows.
pub fn password_faults(password: &str, id: &AccountId, has_second_factor: bool) -> Vec<PasswordFault> {
    let count = password.chars().count();
    let lower = password.to_ascii_lowercase();
    let is_symbol = |c: char| c.is_ascii_graphic() && !c.is_ascii_alphanumeric();
    let is_common = COMMON
        .iter()
        .any(|word| lower.contains(word) && count.saturating_sub(word.len()) <= BESIDE_COMMON_MAX);
    let rules = [
        (count < PASSWORD_CHARACTERS_MIN, PasswordFault::TooShort),
        (
            (PASSWORD_CHARACTERS_MIN..PASSWORD_CHARACTERS_MIN_ALONE).contains(&count) && !has_second_factor,
            PasswordFault::TooShortAlone,
        ),
        (count > PASSWORD_CHARACTERS_MAX, PasswordFault::TooLong),
        (!password.contains(|c: char| c.is_ascii_alphabetic()), PasswordFault::NoLetter),
        (!password.contains(|c: char| c.is_ascii_digit()), PasswordFault::NoDigit),
        (!password.contains(is_symbol), PasswordFault::NoSymbol),
        (password.contains(|c: char| c != ' ' && !c.is_ascii_graphic()), PasswordFault::OtherCharacter),
        (lower.contains(&id.as_str().to_ascii_lowercase()), PasswordFault::HoldsId),
        (is_common, PasswordFault::Common),
    ];
    rules.into_iter().filter_map(|(is_broken, fault)| is_broken.then_some(fault)).collect()
}

/// Until when an account is locked: after `failures` wrong passwords in a row, the last of them at `last`.
///
/// Five are free; then 15 minutes, doubled by each further one up to a day. Units: `failures` counts.
pub fn locked_until(failures: u32, last: Instant) -> Option<Instant> {
    let over = failures.checked_sub(FAILURES_MAX)?;
    let minutes = 1_i64
        .checked_shl(over.min(30))
        .and_then(|factor| LOCK_MINUTES.checked_mul(factor))
        .map_or(LOCK_MINUTES_MAX, |minutes| minutes.min(LOCK_MINUTES_MAX));
    Some(last.plus_minutes(minutes))
}

/// At most so many tries with ids that do not exist have a line of the audit log in an hour.
pub const UNKNOWN_LINES_MAX: u32 = 20;
const UNKNOWN_MINUTES: i64 = 60;

/// Tries with ids that do not exist: the first of an hour are written, the rest are counted, so that a flood does not fill
/// the audit log, which keeps every line for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownTries {
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl UnknownTries {
    /// Nobody has tried yet.
    pub const NONE: Self = Self { since: None, written: 0, left_out: 0 };

    /// Counts a try. If it is to be written: how many before it were not.
    pub fn count(&mut self, now: Instant) -> Option<u64> {
        let is_same_hour =
            self.since.is_some_and(|since| since <= now && now < since.plus_minutes(UNKNOWN_MINUTES));
        if !is_same_hour {
            (self.since, self.written) = (Some(now), 0);
        }
        if self.written == UNKNOWN_LINES_MAX {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.written = self.written.saturating_add(1);
        Some(std::mem::take(&mut self.left_out))
    }
}

/// Why an account cannot be disabled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MustStay {
    /// Nobody else could add accounts.
    LastManager,
    /// Nobody else is サービス運用者: without one the installation counts as being set up, and whoever asks for windows
    /// could make the account that approves them.
    LastServiceOperator,
}

/// Whether an active account must stay, with the roles of the other active accounts.
pub fn must_stay(role: Role, others: &[Role]) -> Option<MustStay> {
    let manages = |role: &Role| may(*role, Act::ManageAccounts);
    if role == Role::ServiceOperator && !others.contains(&role) {
        Some(MustStay::LastServiceOperator)
    } else if manages(&role) && !others.iter().any(manages) {
        Some(MustStay::LastManager)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id() -> AccountId {
        "tanaka0001".parse().unwrap()
    }

    #[test]
    fn an_id_has_ten_letters_or_digits_at_least() {
        for good in ["a123456789", "0123456789", "ABCDEFGHIJ", &"x".repeat(64)] {
            assert_eq!(good.parse::<AccountId>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "a12345678",
            "a12345678_",
            "田中000001234",
            "a1234 56789",
            "ａ１２３４５６７８９",
            &"x".repeat(65),
        ] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn each_rule_of_the_password_is_named() {
        use PasswordFault::{
            Common, HoldsId, NoDigit, NoLetter, NoSymbol, OtherCharacter, TooLong, TooShort, TooShortAlone,
        };
        let long = format!("a1!{}", "x".repeat(126));
        for (password, second_factor, faults) in [
            ("k7#mQ2v!", true, vec![]),
            ("k7#mQ2v!", false, vec![TooShortAlone]),
            ("k7#mQ2v!k7#mQ", false, vec![]),
            ("k7#mQ2", true, vec![TooShort]),
            ("kkkkkkkk", true, vec![NoDigit, NoSymbol]),
            ("12345678", true, vec![NoLetter, NoSymbol]),
            ("abcdefg1", true, vec![NoSymbol]),
            ("k7#mQ2v！", true, vec![OtherCharacter]),
            ("x!Tanaka0001!x", true, vec![HoldsId]),
            ("P@ssw0rd1!", true, vec![]),
            ("Password1!", true, vec![Common]),
            ("Password1!", false, vec![TooShortAlone, Common]),
            (&long, true, vec![TooLong]),
        ] {
            assert_eq!(password_faults(password, &id(), second_factor), faults, "{password}");
        }
    }

    #[test]
    fn the_lock_grows_from_a_quarter_hour_to_a_day() {
        let last = Instant::from_micros(0);
        let minutes = |failures| locked_until(failures, last).map(|at| at.as_seconds() / 60);
        assert_eq!([0, 4].map(minutes), [None, None]);
        assert_eq!([5, 6, 7, 11, 12, 400].map(minutes), [15, 30, 60, 960, 1440, 1440].map(Some));
        assert_eq!(minutes(u32::MAX), Some(1440));
    }

    #[test]
    fn the_last_who_approves_and_the_last_who_manages_stay() {
        use Role::{Auditor, OperationsManager, ServiceOperator, SystemAdministrator, SystemOperator};
        for (role, others, expected) in [
            (
                ServiceOperator,
                &[SystemAdministrator, OperationsManager][..],
                Some(MustStay::LastServiceOperator),
            ),
            (ServiceOperator, &[], Some(MustStay::LastServiceOperator)),
            (ServiceOperator, &[ServiceOperator], None),
            (SystemAdministrator, &[Auditor, SystemOperator], Some(MustStay::LastManager)),
            (SystemAdministrator, &[ServiceOperator], None),
            (OperationsManager, &[SystemAdministrator], None),
            (Auditor, &[], None),
        ] {
            assert_eq!(must_stay(role, others), expected, "{role} with {others:?}");
        }
    }

    #[test]
    fn a_flood_of_unknown_ids_writes_twenty_lines_an_hour_and_says_how_many_it_left_out() {
        let (mut tries, start) = (UnknownTries::NONE, Instant::from_micros(0));
        for _ in 0..20 {
            assert_eq!(tries.count(start), Some(0));
        }
        for minute in 0..60 {
            assert_eq!(tries.count(start.plus_minutes(minute)), None);
        }
        let later = start.plus_minutes(60);
        assert_eq!((tries.count(later), tries.count(later)), (Some(60), Some(0)));
        assert_eq!(tries.count(start), Some(0), "a clock that was set back");
    }

    proptest! {
        #[test]
        fn what_annex_one_asks_for_is_always_asked_for(password in "[ -~]{0,20}", second_factor: bool) {
            let faults = password_faults(&password, &id(), second_factor);
            if faults.is_empty() {
                let least = if second_factor { 8 } else { 13 };
                prop_assert!(password.len() >= least);
                prop_assert!(password.bytes().any(|b| b.is_ascii_alphabetic()));
                prop_assert!(password.bytes().any(|b| b.is_ascii_digit()));
                prop_assert!(password.bytes().any(|b| b.is_ascii_punctuation()));
            }
        }
    }
}
