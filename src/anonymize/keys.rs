//! Finding the rows that look alike: one packed key for each entry, one hash table, exact comparison.

use super::hierarchy::Hierarchy;
use super::number::{at, code};

/// Where a column's group stands in the key: which word, and the group of each leaf already shifted to its place.
struct Part<'a> {
    codes: &'a [u32],
    word: usize,
    groups: Vec<u64>,
}

/// Which crowd each entry is in, and one entry of each crowd.
pub(super) struct Alike {
    /// The crowd of each entry.
    pub(super) crowd_of: Vec<u32>,
    /// The first tuple of each crowd.
    pub(super) reps: Vec<u32>,
}

/// Joins the entries that look alike on these levels.
///
/// `columns` holds the leaf of each tuple, column by column, and `tuples` which of them each entry is.
pub(super) fn join(columns: &[(&[u32], &Hierarchy)], levels: &[u8], tuples: &[u32]) -> Alike {
    let mut parts = Vec::new();
    let (mut word, mut used) = (0_usize, 0_u32);
    for ((codes, hierarchy), level) in columns.iter().zip(levels) {
        let width = hierarchy.width(usize::from(*level));
        if width <= 1 {
            continue;
        }
        let bits = code(width - 1).ilog2() + 1;
        if used + bits > 64 {
            (word, used) = (word + 1, 0);
        }
        let groups =
            hierarchy.groups(usize::from(*level)).iter().map(|group| u64::from(*group) << used).collect();
        parts.push(Part { codes, word, groups });
        used += bits;
    }
    match word {
        0 => joined::<1>(&parts, tuples),
        1 => joined::<2>(&parts, tuples),
        2 | 3 => joined::<4>(&parts, tuples),
        _ => joined_wide(&parts, word + 1, tuples),
    }
}

fn joined<const WORDS: usize>(parts: &[Part<'_>], tuples: &[u32]) -> Alike {
    let mut keys = vec![[0_u64; WORDS]; tuples.len()];
    for part in parts {
        for (key, tuple) in keys.iter_mut().zip(tuples) {
            key[part.word] |= part.groups[at(part.codes[at(*tuple)])];
        }
    }
    let mut table = Table::<[u64; WORDS]>::new();
    let mut alike = Alike { crowd_of: Vec::with_capacity(tuples.len()), reps: Vec::new() };
    for (key, tuple) in keys.into_iter().zip(tuples) {
        let crowd = table.find(key, mix(&key));
        if at(crowd) == alike.reps.len() {
            alike.reps.push(*tuple);
        }
        alike.crowd_of.push(crowd);
    }
    alike
}

/// Keys of more than 256 bits: words are joined one after another, each with what was joined before.
fn joined_wide(parts: &[Part<'_>], words: usize, tuples: &[u32]) -> Alike {
    let mut before: Vec<u32> = vec![0; tuples.len()];
    let mut reps = Vec::new();
    for word in 0..words {
        let mut keys: Vec<[u64; 2]> = before.iter().map(|crowd| [u64::from(*crowd), 0]).collect();
        for part in parts.iter().filter(|part| part.word == word) {
            for (key, tuple) in keys.iter_mut().zip(tuples) {
                key[1] |= part.groups[at(part.codes[at(*tuple)])];
            }
        }
        let mut table = Table::<[u64; 2]>::new();
        reps.clear();
        for ((key, crowd), tuple) in keys.into_iter().zip(&mut before).zip(tuples) {
            *crowd = table.find(key, mix(&key));
            if at(*crowd) == reps.len() {
                reps.push(*tuple);
            }
        }
    }
    Alike { crowd_of: before, reps }
}

/// Spreads keys over a table; equal keys are found by comparing them, so that this decides speed only.
fn mix(words: &[u64]) -> u64 {
    words.iter().fold(0, |mixed: u64, word| {
        let next = (mixed.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        next ^ (next >> 29)
    })
}

/// An open hash table that numbers different keys in the order of their first coming.
struct Table<K> {
    /// A key's number plus one, or zero.
    slots: Vec<u32>,
    keys: Vec<K>,
    hashes: Vec<u64>,
}

impl<K: Copy + PartialEq> Table<K> {
    fn new() -> Self {
        Self { slots: vec![0; 1_024], keys: Vec::new(), hashes: Vec::new() }
    }

    fn find(&mut self, key: K, hash: u64) -> u32 {
        let mask = self.slots.len() - 1;
        let mut slot = slot_of(hash, mask);
        loop {
            let number = self.slots[slot];
            if number == 0 {
                break;
            }
            if self.keys[at(number - 1)] == key {
                return number - 1;
            }
            slot = (slot + 1) & mask;
        }
        self.keys.push(key);
        self.hashes.push(hash);
        self.slots[slot] = code(self.keys.len());
        if self.keys.len() * 2 > self.slots.len() {
            self.grow();
        }
        code(self.keys.len() - 1)
    }

    fn grow(&mut self) {
        let mask = self.slots.len() * 4 - 1;
        self.slots = vec![0; mask + 1];
        for (number, hash) in (1_u32..).zip(&self.hashes) {
            let mut slot = slot_of(*hash, mask);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = number;
        }
    }
}

fn slot_of(hash: u64, mask: usize) -> usize {
    usize::try_from(hash >> 20).unwrap_or(0) & mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// A hierarchy over `size` values whose level 1 has pairs and whose level 2 has one group.
    fn pairs(size: u32) -> Hierarchy {
        let lines: Vec<Vec<String>> =
            (0..size).map(|leaf| vec![leaf.to_string(), format!("p{}", leaf / 2), "*".to_owned()]).collect();
        Hierarchy::from_lines(&lines).expect("is one")
    }

    #[test]
    fn any_number_of_columns_joins_what_is_equal_and_nothing_else() {
        for columns in [1_usize, 3, 9, 12, 20, 40, 60] {
            let hierarchy = pairs(200);
            let leaf = |row: u32, column: usize| (row * 7 + code(column) * (row % 3)) % 200;
            let codes: Vec<Vec<u32>> =
                (0..columns).map(|column| (0..500).map(|row| leaf(row, column)).collect()).collect();
            let view: Vec<(&[u32], &Hierarchy)> = codes.iter().map(|c| (c.as_slice(), &hierarchy)).collect();
            let levels: Vec<u8> = (0..columns).map(|column| u8::try_from(column % 3).unwrap_or(0)).collect();
            let tuples: Vec<u32> = (0..500).collect();
            let alike = join(&view, &levels, &tuples);
            let mut known: BTreeMap<Vec<&str>, u32> = BTreeMap::new();
            for (row, crowd) in (0_u32..).zip(&alike.crowd_of) {
                let seen = codes.iter().zip(&levels);
                let seen = seen.map(|(c, level)| hierarchy.label(usize::from(*level), c[at(row)])).collect();
                let next = code(known.len());
                assert_eq!(*known.entry(seen).or_insert(next), *crowd, "{columns} columns, row {row}");
            }
            assert_eq!(known.len(), alike.reps.len());
        }
    }
}
