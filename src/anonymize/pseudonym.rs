//! What stands for an id, and how far a person's days are moved: by a key of one extract that is destroyed with it.
//!
//! Nobody without the key can tell whose pseudonym it is, nor try all ids; two extracts have two keys, so that nothing
//! in them can be joined. An id has one pseudonym in all tables of an extract. A number that the law calls 個人識別符号
//! gets none: it can only be dropped (`classes`).

use zeroize::Zeroizing;

use crate::domain::time::Day;

use super::normal_form::key;

/// The letters of a pseudonym: Crockford's, without I, L, O and U.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The secret of one extract. It is wiped from memory when it is dropped.
pub struct ExtractKey(Zeroizing<[u8; 32]>);

impl ExtractKey {
    /// A key from 32 random bytes, for the extract that this text names (number and revision of its permit).
    pub fn new(random: &[u8; 32], extract: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("kura extract 2026 key");
        hasher.update(random).update(extract.as_bytes());
        Self(Zeroizing::new(*hasher.finalize().as_bytes()))
    }

    /// 128 bits that only this key can make of an id, in 26 letters.
    ///
    /// `space` says whose ids these are (`patient`), so that a doctor and a patient with one number are two.
    pub fn pseudonym(&self, space: &str, id: &str) -> String {
        let mut hasher = self.hasher("pseudonym", space);
        hasher.update(key(id).as_bytes());
        let mut bits = 0_u128;
        for byte in hasher.finalize().as_bytes().iter().take(16) {
            bits = (bits << 8) | u128::from(*byte);
        }
        let letter =
            |place: u32| usize::try_from((bits >> (5 * place)) & 31).ok().and_then(|at| LETTERS.get(at));
        (0..26).rev().filter_map(letter).map(|letter| char::from(*letter)).collect()
    }

    /// By how many days a person's days are moved: from `-days_max` to `days_max`, never by none.
    pub fn shift_days(&self, space: &str, id: &str, days_max: u16) -> i32 {
        let mut hasher = self.hasher("shift", space);
        hasher.update(key(id).as_bytes());
        let steps = u64::from(days_max) * 2;
        if steps == 0 {
            return 0;
        }
        let step = i32::try_from(draw(&mut hasher.finalize_xof(), steps)).unwrap_or(0);
        let days_max = i32::from(days_max);
        if step < days_max { step - days_max } else { step - days_max + 1 }
    }

    /// A day that is moved; the distances between days of one person stay.
    pub fn shifted(&self, day: Day, by: i32) -> Day {
        let moved = day.date().checked_add(jiff::Span::new().days(by));
        moved.map_or(day, Day::from_date)
    }

    /// The order in which rows are written: any is as likely as any other, and none says where a row stood.
    pub fn order(&self, rows: usize) -> Vec<usize> {
        let mut stream = self.hasher("order", "").finalize_xof();
        let mut order: Vec<usize> = (0..rows).collect();
        for last in (1..rows).rev() {
            let below = u64::try_from(last).unwrap_or(u64::MAX - 1) + 1;
            let chosen = usize::try_from(draw(&mut stream, below)).unwrap_or(last);
            order.swap(last, chosen);
        }
        order
    }

    /// A sample of `size` of so many rows, or all if there are fewer; in no order that means anything.
    pub fn sample(&self, rows: usize, size: usize) -> Vec<bool> {
        let mut chosen = vec![false; rows];
        let mut stream = self.hasher("sample", "").finalize_xof();
        let (mut missing, mut left) = (size.min(rows), rows);
        for row in &mut chosen {
            let below = u64::try_from(left).unwrap_or(u64::MAX);
            if draw(&mut stream, below.max(1)) < u64::try_from(missing).unwrap_or(0) {
                *row = true;
                missing -= 1;
            }
            left -= 1;
        }
        chosen
    }

    fn hasher(&self, what: &str, space: &str) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(what.as_bytes()).update(&[0]).update(space.as_bytes()).update(&[0]);
        hasher
    }
}

impl std::fmt::Debug for ExtractKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ExtractKey(..)")
    }
}

/// A number below `below`, each as likely as any other: numbers from an unfinished last round are drawn again.
fn draw(stream: &mut blake3::OutputReader, below: u64) -> u64 {
    let full = u64::MAX - u64::MAX % below.max(1);
    loop {
        let mut bytes = [0_u8; 8];
        stream.fill(&mut bytes);
        let number = u64::from_le_bytes(bytes);
        if number < full {
            return number % below.max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn key_of(extract: &str) -> ExtractKey {
        ExtractKey::new(&[7; 32], extract)
    }

    #[test]
    fn case_10_two_extracts_share_no_pseudonym() {
        let (one, other) = (key_of("R08-014/1"), key_of("R08-015/1"));
        let of_one: BTreeSet<String> =
            (0..100_000).map(|id| one.pseudonym("patient", &id.to_string())).collect();
        assert_eq!(of_one.len(), 100_000, "no two ids share one");
        assert!((0..100_000).all(|id| !of_one.contains(&other.pseudonym("patient", &id.to_string()))));
        let random = ExtractKey::new(&[8; 32], "R08-014/1");
        assert_ne!(
            one.pseudonym("patient", "1"),
            random.pseudonym("patient", "1"),
            "the same permit, another run"
        );
    }

    #[test]
    fn case_10_an_id_has_one_pseudonym_in_all_tables_of_an_extract() {
        let key = key_of("R08-014/1");
        assert_eq!(key.pseudonym("patient", "A-12"), key_of("R08-014/1").pseudonym("patient", "ａ-１２ "));
        assert_ne!(key.pseudonym("patient", "A-12"), key.pseudonym("doctor", "A-12"));
        assert_eq!(key.pseudonym("patient", "1").len(), 26);
    }

    #[test]
    fn case_11_nobody_finds_an_id_by_trying_all_without_the_key() {
        let pseudonym = key_of("R08-014/1").pseudonym("patient", "00004711");
        let plain = blake3::hash(b"00004711");
        assert!(!plain.to_hex().to_ascii_uppercase().contains(&pseudonym));
        assert_eq!(format!("{:?}", key_of("x")), "ExtractKey(..)", "no key in a log");
    }

    #[test]
    fn case_24_a_shift_is_a_persons_own_and_never_none() {
        let key = key_of("R08-014/1");
        let shifts: BTreeSet<i32> =
            (0..5_000).map(|id| key.shift_days("patient", &id.to_string(), 30)).collect();
        assert_eq!(shifts.len(), 60);
        assert_eq!((shifts.first(), shifts.last(), shifts.contains(&0)), (Some(&-30), Some(&30), false));
        let day = Day::of(2024, 2, 28).expect("a day");
        assert_eq!(key.shifted(day, 2), Day::of(2024, 3, 1).expect("a day"));
    }

    #[test]
    fn case_24_rows_come_in_an_order_that_says_nothing() {
        let order = key_of("R08-014/1").order(1_000);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1_000).collect::<Vec<_>>());
        let in_place = order.iter().enumerate().filter(|(place, row)| place == *row).count();
        assert!(in_place < 10, "{in_place} of 1,000 stayed");
        assert_ne!(order, key_of("R08-015/1").order(1_000));
        assert!(key_of("x").order(0).is_empty());
    }

    #[test]
    fn a_sample_has_the_size_that_was_asked_for() {
        for (rows, size, expected) in [(100, 10, 10), (5, 10, 5), (0, 3, 0), (7, 0, 0)] {
            let chosen = key_of("R08-014/1").sample(rows, size);
            assert_eq!((chosen.len(), chosen.iter().filter(|c| **c).count()), (rows, expected));
        }
    }
}
