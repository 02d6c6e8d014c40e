//! Numbers that decide: exact fractions, and the few conversions that everybody here needs.
//!
//! Whether a limit is met is never a question of floating point here: 0.35 is 7/20, and a class that lies exactly on
//! the limit is inside. Floats only show a value to a person.

use std::cmp::Ordering;
use std::fmt;

/// An index of a vector from a code. Codes are `u32` to halve the memory of a table.
pub(super) fn at(code: u32) -> usize {
    usize::try_from(code).unwrap_or(usize::MAX)
}

/// A length as a code; callers have checked that there are fewer than 2^32 of the thing.
pub(super) fn code(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A length as a number to calculate with.
pub(super) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A count as a float, for showing and for logarithms; exact below 2^53.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "there is no other way from u64 to f64"
)]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

/// Bits of entropy in whole units of 2^-30 bit, so that sums do not depend on their order and ties are ties.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "rounding is meant; the values are far inside the range, and a cast saturates"
)]
pub(super) fn fixed(bits: f64) -> i64 {
    (bits * ENTROPY_UNITS).round() as i64
}

/// The bits of a sum of [`fixed`].
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a value to show")]
pub(super) fn bits(fixed: u128) -> f64 {
    fixed as f64 / ENTROPY_UNITS
}

/// Units of entropy in a bit: 2^30.
const ENTROPY_UNITS: f64 = 1_073_741_824.0;

/// An exact fraction that is not negative, as people write it: `0.04`, `7/20`, `3`.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    numerator: u64,
    denominator: u64,
}

/// Why a text is no [`Ratio`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a number such as 0.04, 7/20 or 3")]
pub struct NotARatio;

impl Ratio {
    /// A fraction of two whole numbers; none if the second is zero.
    pub const fn new(numerator: u64, denominator: u64) -> Option<Self> {
        if denominator == 0 { None } else { Some(Self { numerator, denominator }) }
    }

    /// A whole number.
    pub const fn whole(number: u64) -> Self {
        Self { numerator: number, denominator: 1 }
    }

    /// Reads `0.04`, `7/20` or `3`, exactly; at most nine digits after the point.
    pub fn parse(text: &str) -> Result<Self, NotARatio> {
        let digits = |part: &str| {
            let plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse::<u64>().ok()).flatten().filter(|number| *number < 1 << 32)
        };
        if let Some((above, below)) = text.split_once('/') {
            let (above, below) = (digits(above).ok_or(NotARatio)?, digits(below).ok_or(NotARatio)?);
            return Self::new(above, below).ok_or(NotARatio);
        }
        let Some((whole, part)) = text.split_once('.') else {
            return digits(text).map(Self::whole).ok_or(NotARatio);
        };
        let places = u32::try_from(part.len()).ok().filter(|places| *places <= 9).ok_or(NotARatio)?;
        let denominator = 10_u64.pow(places);
        let (whole, part) = (digits(whole).ok_or(NotARatio)?, digits(part).ok_or(NotARatio)?);
        Self::new(whole * denominator + part, denominator).ok_or(NotARatio)
    }

    /// The number above the line.
    pub fn numerator(self) -> u64 {
        self.numerator
    }

    /// The number below the line; never zero.
    pub fn denominator(self) -> u64 {
        self.denominator
    }

    /// The whole part of this share of `amount`: how many rows `0.04` of them are.
    pub fn floor_of(self, amount: u64) -> u64 {
        let share = u128::from(self.numerator) * u128::from(amount) / u128::from(self.denominator);
        u64::try_from(share).unwrap_or(u64::MAX)
    }

    /// The fraction as a float, to show it.
    pub fn value(self) -> f64 {
        float(self.numerator) / float(self.denominator)
    }

    fn products(self, other: Self) -> (u128, u128) {
        let mine = u128::from(self.numerator) * u128::from(other.denominator);
        (mine, u128::from(other.numerator) * u128::from(self.denominator))
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ratio {}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mine, yours) = self.products(*other);
        mine.cmp(&yours)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.denominator == 1 {
            write!(f, "{}", self.numerator)
        } else {
            write!(f, "{}/{}", self.numerator, self.denominator)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_what_was_written() {
        for (text, numerator, denominator) in [
            ("0.04", 4, 100),
            ("7/20", 7, 20),
            ("3", 3, 1),
            ("0", 0, 1),
            ("1.000000001", 1_000_000_001, 1_000_000_000),
        ] {
            let ratio = Ratio::parse(text).expect(text);
            assert_eq!((ratio.numerator(), ratio.denominator()), (numerator, denominator), "{text}");
        }
        for text in
            ["", ".", "1.", ".5", "-1", "1e3", "1/0", "0.1234567891", "１", "4294967296", "1/2/3", " 1"]
        {
            assert_eq!(Ratio::parse(text), Err(NotARatio), "{text}");
        }
    }

    #[test]
    fn seven_twentieths_is_exactly_thirty_five_hundredths() {
        assert_eq!(Ratio::parse("0.35"), Ratio::parse("7/20"));
        assert!(Ratio::parse("0.350000001").expect("a number") > Ratio::parse("7/20").expect("a number"));
        assert_eq!(Ratio::parse("0.04").expect("a number").floor_of(30_162), 1_206);
        assert_eq!(Ratio::parse("0.1").expect("a number").floor_of(30), 3);
    }
}
