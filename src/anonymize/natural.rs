//! Whole numbers of any size, with the two operations that the search needs: multiply and compare.
//!
//! The loss of a transformation is a root of a product of fractions with one common denominator, so that two losses
//! compare as two products of whole numbers.

use std::cmp::Ordering;

/// A whole number of any size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Natural {
    /// 64 bits each, lowest first, without zeros at the high end.
    words: Vec<u64>,
}

impl Natural {
    /// One.
    pub fn one() -> Self {
        Self { words: vec![1] }
    }

    /// Multiplies this number.
    pub fn multiply(&mut self, factor: u64) {
        let mut carry = 0_u128;
        for word in &mut self.words {
            let product = u128::from(*word) * u128::from(factor) + carry;
            *word = low(product);
            carry = product >> 64;
        }
        if carry > 0 {
            self.words.push(low(carry));
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }
}

/// The lower half of a product.
fn low(product: u128) -> u64 {
    u64::try_from(product & u128::from(u64::MAX)).unwrap_or(0)
}

impl From<u128> for Natural {
    fn from(number: u128) -> Self {
        let mut made = Self { words: vec![low(number), low(number >> 64)] };
        made.trim();
        made
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        let longer = self.words.len().cmp(&other.words.len());
        longer.then_with(|| self.words.iter().rev().cmp(other.words.iter().rev()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn product(factors: &[u64]) -> Natural {
        let mut made = Natural::one();
        for factor in factors {
            made.multiply(*factor);
        }
        made
    }

    #[test]
    fn zero_swallows_everything() {
        assert_eq!(product(&[5, 0, 7]), Natural::from(0));
        assert!(Natural::from(0) < Natural::one());
    }

    proptest! {
        #[test]
        fn two_products_compare_as_their_numbers(a: u64, b: u64, c: u64, d: u64) {
            let (left, right) = (u128::from(a) * u128::from(b), u128::from(c) * u128::from(d));
            prop_assert_eq!(product(&[a, b]).cmp(&product(&[c, d])), left.cmp(&right));
            prop_assert_eq!(product(&[a, b]), Natural::from(left));
        }

        #[test]
        fn a_common_factor_changes_no_order(a: [u64; 3], b: [u64; 3], common in 1..=u64::MAX) {
            let (mut left, mut right) = (product(&a), product(&b));
            let before = left.cmp(&right);
            left.multiply(common);
            right.multiply(common);
            prop_assert_eq!(left.cmp(&right), before);
        }
    }
}
