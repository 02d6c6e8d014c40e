//! Two releases that are harmless alone may name somebody together: by what is in one and not in the other.
//!
//! Of each release its crowds (or the cells of its table) are remembered as sets of marks, one mark for a person, made
//! with a key of the house so that nobody can read them. A new release is refused if somewhere a crowd of it and one of
//! an earlier release share, or differ by, fewer persons than must look alike. Only the earlier permit is named.

use std::collections::{BTreeMap, BTreeSet};

/// A person, as the ledger knows one.
pub type PersonMark = u128;

/// What is remembered of a release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Released {
    /// The permit.
    pub permit: String,
    /// The persons of each crowd.
    pub crowds: Vec<BTreeSet<PersonMark>>,
}

/// Why a release would name somebody beside an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "together with what permit {permit} released, this would show fewer than {threshold} persons in {places} place(s)"
)]
pub struct Overlap {
    /// The earlier permit.
    pub permit: String,
    /// How many must look alike.
    pub threshold: u64,
    /// In how many places.
    pub places: u64,
}

/// What speaks against a new release beside earlier ones whose data is not confirmed to be destroyed.
pub fn overlaps(new: &Released, earlier: &[Released], threshold: u64) -> Vec<Overlap> {
    let places = |old: &Released| places(new, old, threshold);
    let found = earlier.iter().map(|old| (old, places(old))).filter(|(_, places)| *places > 0);
    found.map(|(old, places)| Overlap { permit: old.permit.clone(), threshold, places }).collect()
}

fn places(new: &Released, old: &Released, threshold: u64) -> u64 {
    let is_few = |persons: usize| 0 < persons && super::number::count(persons) < threshold;
    let all =
        |released: &Released| released.crowds.iter().flatten().copied().collect::<BTreeSet<PersonMark>>();
    let mut crowd_of: BTreeMap<PersonMark, Vec<usize>> = BTreeMap::new();
    for (number, crowd) in old.crowds.iter().enumerate() {
        for person in crowd {
            crowd_of.entry(*person).or_default().push(number);
        }
    }
    let mut found = 0;
    for crowd in &new.crowds {
        let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
        for number in crowd.iter().filter_map(|person| crowd_of.get(person)).flatten() {
            *shared.entry(*number).or_insert(0) += 1;
        }
        for (number, both) in shared {
            let size = old.crowds.get(number).map_or(0, BTreeSet::len);
            // In both, only in the new one, only in the old one.
            let counts = [both, crowd.len() - both, size - both.min(size)];
            found += u64::from(counts.into_iter().any(is_few));
        }
    }
    let (mine, theirs) = (all(new), all(old));
    if mine.intersection(&theirs).next().is_some() {
        let apart = [mine.difference(&theirs).count(), theirs.difference(&mine).count()];
        found += u64::from(apart.into_iter().any(is_few));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn released(permit: &str, crowds: &[std::ops::Range<u128>]) -> Released {
        Released {
            permit: permit.to_owned(),
            crowds: crowds.iter().map(|range| range.clone().collect()).collect(),
        }
    }

    #[test]
    fn case_8_a_ward_and_the_ward_without_one_patient_are_not_both_released() {
        let first = released("R08-014", &[0..20, 20..40]);
        let without = released("R08-015", &[0..20, 20..39]);
        let found = overlaps(&without, std::slice::from_ref(&first), 5);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].permit, "R08-014");
        assert!(found[0].to_string().contains("R08-014") && !found[0].to_string().contains("39"));
        assert!(overlaps(&released("R08-016", &[0..20, 20..35]), &[first], 5).is_empty(), "five differ");
    }

    #[test]
    fn case_9_the_same_persons_in_other_crowds_name_those_in_the_middle() {
        let first = released("R08-014", &[0..20, 20..40]);
        assert_eq!(
            overlaps(&released("R08-015", &[0..18, 18..40]), std::slice::from_ref(&first), 5).len(),
            1
        );
        assert!(
            overlaps(&released("R08-015", &[0..10, 10..20, 20..40]), std::slice::from_ref(&first), 5)
                .is_empty()
        );
        assert!(
            overlaps(&released("R08-015", &[0..20, 20..40]), &[first], 5).is_empty(),
            "the same crowds say nothing new"
        );
    }

    #[test]
    fn releases_of_other_persons_do_not_meet() {
        let first = released("R08-014", &[0..10, 10..20]);
        assert!(
            overlaps(&released("R08-015", &[100..110, 110..120]), &[first, released("R08-013", &[])], 5)
                .is_empty()
        );
    }
}
