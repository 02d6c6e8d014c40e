//! Content-defined cuts: a gear rolling hash with a table derived from the repository's secret seed.
//!
//! The same bytes are cut at the same places whatever stands before them, and without the seed nobody can tell from
//! chunk lengths which known file is stored (docs/decisions/0007). The first `MIN` bytes of a chunk are not looked at;
//! before `MEAN` a cut needs one more zero bit than after it, which narrows the spread of sizes.

/// No chunk but the last of its stream is shorter, bytes.
pub const MIN: usize = 64 << 10;
/// The size aimed at, bytes.
pub const MEAN: usize = 256 << 10;
/// No chunk is longer, bytes.
pub const MAX: usize = 1 << 20;

/// Zero bits asked for before `MEAN` (19) and after it (17).
const MASK_BEFORE: u64 = !(u64::MAX >> 19);
const MASK_AFTER: u64 = !(u64::MAX >> 17);

/// BLAKE3 key derivation context of the gear table.
pub const GEAR_CONTEXT: &str = "kura 2026-11 gear table v1";

/// Cuts byte streams with one repository's secret table.
#[derive(Clone)]
pub struct Cutter {
    gear: Box<[u64; 256]>,
}

impl Cutter {
    /// Derives the table: 256 little-endian 64-bit numbers of BLAKE3's extendable output under `GEAR_CONTEXT`.
    pub fn new(gear_seed: &[u8; 32]) -> Self {
        let mut bytes = [0_u8; 2048];
        blake3::Hasher::new_derive_key(GEAR_CONTEXT).update(gear_seed).finalize_xof().fill(&mut bytes);
        let mut gear = Box::new([0_u64; 256]);
        for (entry, raw) in gear.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut number = [0_u8; 8];
            number.copy_from_slice(raw);
            *entry = u64::from_le_bytes(number);
        }
        Self { gear }
    }

    /// Length of the first chunk of `stream`, of which at least `MAX` bytes or all that are left must be given.
    ///
    /// Never 0 unless `stream` is empty.
    pub fn cut(&self, stream: &[u8]) -> usize {
        let end = stream.len().min(MAX);
        if end <= MIN {
            return end;
        }
        let mean = end.min(MEAN);
        let mut hash = 0_u64;
        if let Some(at) = self.scan(&stream[MIN..mean], &mut hash, MASK_BEFORE) {
            return MIN + at;
        }
        if let Some(at) = self.scan(&stream[mean..end], &mut hash, MASK_AFTER) {
            return mean + at;
        }
        end
    }

    fn scan(&self, bytes: &[u8], hash: &mut u64, mask: u64) -> Option<usize> {
        let mut rolling = *hash;
        for (index, byte) in bytes.iter().enumerate() {
            rolling = (rolling << 1).wrapping_add(self.gear[usize::from(*byte)]);
            if rolling & mask == 0 {
                return Some(index + 1);
            }
        }
        *hash = rolling;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize, seed: u64) -> Vec<u8> {
        let mut bytes = vec![0_u8; length];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    fn cuts(cutter: &Cutter, mut stream: &[u8]) -> Vec<usize> {
        let mut lengths = Vec::new();
        while !stream.is_empty() {
            let n = cutter.cut(stream);
            lengths.push(n);
            stream = &stream[n..];
        }
        lengths
    }

    #[test]
    fn sizes_stay_in_bounds_and_near_the_mean() {
        let lengths = cuts(&Cutter::new(&[1; 32]), &noise(64 << 20, 1));
        let (last, rest) = lengths.split_last().unwrap();
        assert!(rest.iter().all(|n| (MIN..=MAX).contains(n)) && *last <= MAX);
        let mean = (64 << 20) / lengths.len();
        assert!((200 << 10..330 << 10).contains(&mean), "mean {mean}");
    }

    #[test]
    fn an_insertion_moves_only_the_cuts_around_it() {
        let cutter = Cutter::new(&[2; 32]);
        let before = noise(16 << 20, 2);
        let mut after = before.clone();
        after.splice(5_000_000..5_000_000, *b"inserted");
        let ends = |stream: &[u8]| {
            let mut end = 0;
            cuts(&cutter, stream)
                .into_iter()
                .map(|n| {
                    end += n;
                    stream.len() - end
                })
                .collect::<Vec<_>>()
        };
        let (a, b) = (ends(&before), ends(&after));
        let shared = a.iter().filter(|end| b.contains(end)).count();
        assert!(shared > a.len() / 2, "{shared} of {}", a.len());
    }

    #[test]
    fn another_seed_cuts_elsewhere() {
        let stream = noise(4 << 20, 3);
        assert_ne!(cuts(&Cutter::new(&[3; 32]), &stream), cuts(&Cutter::new(&[4; 32]), &stream));
    }

    /// The cut points are part of the format: a change here breaks deduplication against what is stored.
    #[test]
    fn cut_points_are_as_recorded() {
        let lengths = cuts(&Cutter::new(&[7; 32]), &noise(2 << 20, 7));
        assert_eq!(lengths, GOLDEN);
    }

    const GOLDEN: &[usize] = &[326_509, 365_324, 84_368, 327_944, 430_763, 164_101, 323_007, 75_136];
}
