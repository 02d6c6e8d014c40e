//! Persons whose rows stay joined by a pseudonym: all their rows together must look like those of k persons.
//!
//! Each row of a person may hide in a crowd of its own, and still nobody else has rows in just these crowds. Where a
//! pseudonym of persons is released, the set of crowds that a person is in is what must be shared.

use std::collections::BTreeMap;

use super::number::at;

/// The persons whose set of crowds fewer than `k` persons have: one flag for each row. Rows that are left out already
/// are in no crowd.
pub(super) fn standing_out(crowd_of: &[u32], kept: &[bool], persons: &[u32], k: u64) -> Vec<bool> {
    let mut crowds_of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for ((person, crowd), _) in persons.iter().zip(crowd_of).zip(kept).filter(|(_, kept)| **kept) {
        crowds_of.entry(*person).or_default().push(*crowd);
    }
    let mut sharing: BTreeMap<&[u32], u64> = BTreeMap::new();
    for crowds in crowds_of.values_mut() {
        // How many rows a person has in a crowd is seen too: the list is sorted, not a set.
        crowds.sort_unstable();
    }
    for crowds in crowds_of.values() {
        *sharing.entry(crowds.as_slice()).or_insert(0) += 1;
    }
    let highest = persons.iter().max().map_or(0, |highest| at(*highest) + 1);
    let mut alone = vec![false; highest];
    for (person, crowds) in &crowds_of {
        alone[at(*person)] = sharing.get(crowds.as_slice()).is_none_or(|persons| *persons < k);
    }
    persons.iter().zip(kept).map(|(person, kept)| *kept && alone[at(*person)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_16_a_pattern_of_crowds_that_only_one_person_has_stands_out() {
        // Persons 0–2 have two rows each; 2 has them in crowds that nobody else joins.
        let crowd_of = [5, 6, 5, 6, 5, 7, 7, 7];
        let persons = [0, 0, 1, 1, 2, 2, 3, 4];
        let alone = standing_out(&crowd_of, &[true; 8], &persons, 2);
        assert_eq!(alone, [false, false, false, false, true, true, false, false]);
        let kept = [true, true, true, true, false, true, true, true];
        let alone = standing_out(&crowd_of, &kept, &persons, 2);
        assert_eq!(alone, [false; 8], "with its other row left out, person 2 looks like 3 and 4");
    }
}
