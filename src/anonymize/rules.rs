//! What must hold for a crowd, compared exactly: k-anonymity, l-diversity, t-closeness, how much may be left out.
//!
//! Counts are persons. The distances of t-closeness are those to the whole input, not to what is released. A crowd
//! that lies exactly on a limit is inside it.

use super::natural::Natural;
use super::number::{Ratio, at, count, float};

/// What a release must keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// At least so many persons look alike.
    pub k: u64,
    /// At most this share of the rows may be left out.
    pub suppression: Ratio,
    /// What must hold for sensitive columns, each by its place among them.
    pub models: Vec<(usize, Model)>,
}

/// What must hold for the values of a sensitive column in each crowd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// At least so many different values.
    DistinctDiversity(u64),
    /// At least as much entropy as so many values of the same frequency have.
    EntropyDiversity(Ratio),
    /// The most frequent value is rarer than `c` times all from the `l`-th most frequent on.
    RecursiveDiversity {
        /// The factor.
        c: Ratio,
        /// Where the rarer values begin.
        l: usize,
    },
    /// Half the sum of the differences of frequencies to the whole input is at most this.
    EqualCloseness(Ratio),
    /// The same where values have an order, and a value further away counts more.
    OrderedCloseness(Ratio),
}

impl Model {
    /// Whether crowds that keep it still keep it when they are joined with any others, and rows may be left out.
    ///
    /// True of [`Model::DistinctDiversity`] only, as of k: of the others a crowd that keeps the rule may join one that
    /// was left out, and lose it.
    pub fn survives_joining(self) -> bool {
        matches!(self, Self::DistinctDiversity(_))
    }
}

/// How the values of a sensitive column are spread over the whole input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spread {
    /// Persons with each value, by code; for ordered closeness codes follow the order of values.
    counts: Vec<u64>,
    total: u64,
}

impl Spread {
    pub(super) fn new(counts: Vec<u64>) -> Self {
        let total = counts.iter().sum();
        Self { counts, total }
    }

    pub(super) fn values(&self) -> usize {
        self.counts.len()
    }

    fn of(&self, value: u32) -> u64 {
        self.counts.get(at(value)).copied().unwrap_or(0)
    }
}

/// Persons with each value in a crowd: values that occur, in the order of their codes.
pub(super) type Histogram = [(u32, u32)];

impl Model {
    /// Whether a crowd keeps the rule.
    pub(super) fn holds(self, crowd: &Histogram, whole: &Spread) -> bool {
        match self {
            Self::DistinctDiversity(l) => count(crowd.len()) >= l,
            Self::EntropyDiversity(l) => entropy_is_at_least(crowd, l),
            Self::RecursiveDiversity { c, l } => is_recursive(crowd, c, l),
            Self::EqualCloseness(t) => equal_distance(crowd, whole).is_at_most(t),
            Self::OrderedCloseness(t) => ordered_distance(crowd, whole).is_at_most(t),
        }
    }
}

/// A distance as a fraction of large numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Distance {
    above: u128,
    below: u128,
}

impl Distance {
    /// Exact: counts are below 2^32, the numbers of a [`Ratio`] below 2^64.
    fn is_at_most(self, limit: Ratio) -> bool {
        let mut mine = Natural::from(self.above);
        mine.multiply(limit.denominator());
        let mut allowed = Natural::from(self.below);
        allowed.multiply(limit.numerator());
        mine <= allowed
    }
}

fn persons(crowd: &Histogram) -> u64 {
    crowd.iter().map(|(_, persons)| u64::from(*persons)).sum()
}

/// Half the sum of |p − q| over all values.
pub(super) fn equal_distance(crowd: &Histogram, whole: &Spread) -> Distance {
    let (own, all) = (u128::from(persons(crowd)), u128::from(whole.total));
    let mut apart = 0_u128;
    let mut seen = 0_u64;
    for (value, persons) in crowd {
        let expected = whole.of(*value);
        seen += expected;
        apart += (u128::from(*persons) * all).abs_diff(u128::from(expected) * own);
    }
    apart += own * u128::from(whole.total - seen.min(whole.total));
    Distance { above: apart, below: 2 * own * all }
}

/// The sum over all values but the last of |P − Q|, both summed up in order, by the number of steps.
pub(super) fn ordered_distance(crowd: &Histogram, whole: &Spread) -> Distance {
    let (own, all) = (u128::from(persons(crowd)), u128::from(whole.total));
    let mut here = crowd.iter().peekable();
    let (mut mine, mut theirs, mut apart) = (0_u128, 0_u128, 0_u128);
    for (value, expected) in (0_u32..).zip(&whole.counts) {
        if let Some((_, persons)) = here.next_if(|(own_value, _)| *own_value == value) {
            mine += u128::from(*persons) * all;
        }
        theirs += u128::from(*expected) * own;
        apart += mine.abs_diff(theirs);
    }
    let steps = u128::from(count(whole.values()).saturating_sub(1)).max(1);
    Distance { above: apart, below: steps * own * all }
}

/// The most frequent value is rarer than `c` times the sum of the `l`-th most frequent and all rarer ones.
fn is_recursive(crowd: &Histogram, c: Ratio, l: usize) -> bool {
    let mut frequencies: Vec<u64> = crowd.iter().map(|(_, persons)| u64::from(*persons)).collect();
    frequencies.sort_unstable_by(|a, b| b.cmp(a));
    let Some(most) = frequencies.first() else { return false };
    let rarer: u64 = frequencies.iter().skip(l.saturating_sub(1)).sum();
    frequencies.len() >= l
        && u128::from(*most) * u128::from(c.denominator()) < u128::from(rarer) * u128::from(c.numerator())
}

/// Above so many persons (divided by what their counts have in common) a crowd on the very limit counts as outside.
const EXACT_POWERS_MAX: u64 = 4_096;

/// Whether the entropy of a crowd is at least log(l): n^n ≥ l^n · Π c^c.
fn entropy_is_at_least(crowd: &Histogram, l: Ratio) -> bool {
    let total = persons(crowd);
    if total == 0 {
        return false;
    }
    let weighted: f64 = crowd.iter().map(|(_, c)| float(u64::from(*c)) * float(u64::from(*c)).ln()).sum();
    let margin = float(total).ln() - weighted / float(total) - l.value().ln();
    if margin.abs() > 1e-9 {
        return margin > 0.0;
    }
    let common = crowd.iter().fold(0, |divisor, (_, c)| greatest_common_divisor(divisor, u64::from(*c)));
    let n = total / common;
    if n > EXACT_POWERS_MAX {
        return false;
    }
    let (mut mine, mut needed) = (Natural::one(), Natural::one());
    for _ in 0..n {
        mine.multiply(n);
        mine.multiply(l.denominator());
        needed.multiply(l.numerator());
    }
    for c in crowd.iter().map(|(_, c)| u64::from(*c) / common) {
        (0..c).for_each(|_| needed.multiply(c));
    }
    mine >= needed
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ratio(text: &str) -> Ratio {
        Ratio::parse(text).expect(text)
    }

    #[test]
    fn case_25_limits_are_met_exactly() {
        // 10 of 20 have value 0; in the crowd 17 of 20 have it: the distance is 7/20.
        let whole = Spread::new(vec![50, 50]);
        let crowd = [(0, 17), (1, 3)];
        assert!(Model::EqualCloseness(ratio("0.35")).holds(&crowd, &whole), "exactly on the limit");
        assert!(Model::EqualCloseness(ratio("7/20")).holds(&crowd, &whole));
        assert!(!Model::EqualCloseness(ratio("0.349999999")).holds(&crowd, &whole));
        assert!(Model::OrderedCloseness(ratio("7/20")).holds(&crowd, &whole));
        assert!(!Model::OrderedCloseness(ratio("0.349999999")).holds(&crowd, &whole));
        assert!(Model::EntropyDiversity(Ratio::whole(3)).holds(&[(0, 7), (3, 7), (9, 7)], &whole));
        assert!(!Model::EntropyDiversity(ratio("3.000000001")).holds(&[(0, 7), (3, 7), (9, 7)], &whole));
        assert!(Model::DistinctDiversity(3).holds(&[(0, 1), (3, 1), (9, 1)], &whole));
        assert!(!Model::DistinctDiversity(4).holds(&[(0, 1), (3, 1), (9, 1)], &whole));
        let c = ratio("2.5");
        assert!(!Model::RecursiveDiversity { c, l: 2 }.holds(&[(0, 5), (1, 2)], &whole), "5 is not below 5");
        assert!(Model::RecursiveDiversity { c: ratio("2.6"), l: 2 }.holds(&[(0, 5), (1, 2)], &whole));
        assert!(!Model::RecursiveDiversity { c: Ratio::whole(9), l: 3 }.holds(&[(0, 1), (1, 2)], &whole));
    }

    #[test]
    fn numbers_near_their_limit_do_not_overflow() {
        let many = u32::MAX;
        let whole = Spread::new(vec![u64::from(many), u64::from(many)]);
        assert!(Model::EqualCloseness(ratio("1/2")).holds(&[(0, many)], &whole));
        assert!(!Model::EqualCloseness(ratio("0.499999999")).holds(&[(0, many)], &whole));
    }

    #[test]
    fn a_value_further_away_counts_more() {
        let whole = Spread::new(vec![1, 1, 1]);
        let is = |distance: Distance, limit: &str, below: &str| {
            distance.is_at_most(ratio(limit)) && !distance.is_at_most(ratio(below))
        };
        assert!(is(ordered_distance(&[(1, 3)], &whole), "1/3", "0.333333333"));
        assert!(is(ordered_distance(&[(0, 3)], &whole), "1/2", "0.499999999"));
        assert!(is(equal_distance(&[(0, 3)], &whole), "2/3", "0.666666666"));
    }

    proptest! {
        /// The exact comparison says what floats say, wherever floats can tell.
        #[test]
        fn exact_entropy_agrees_with_floats(counts in prop::collection::vec(1_u32..40, 1..6), l in 1_u64..6) {
            let crowd: Vec<(u32, u32)> = (0..).zip(counts).collect();
            let n = float(persons(&crowd));
            let entropy: f64 = crowd.iter().map(|(_, c)| float(u64::from(*c)) / n).map(|p| -p * p.ln()).sum();
            let apart = entropy - float(l).ln();
            prop_assume!(apart.abs() > 1e-6);
            prop_assert_eq!(entropy_is_at_least(&crowd, Ratio::whole(l)), apart > 0.0);
        }
    }
}
