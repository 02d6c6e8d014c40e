//! Numbers that seem random and are the same every time.

/// Dice of a seed.
#[derive(Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The dice of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed << 32)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 += 1;
        let hash = blake3::hash(&self.0.to_le_bytes());
        u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("8 bytes")) % sides
    }

    /// A place in something of this length, which is not 0.
    pub(crate) fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.roll(u64::try_from(length).expect("small"))).expect("small")
    }

    /// Dice that roll on their own.
    pub(crate) fn others(&mut self) -> Self {
        Self::of(self.roll(1 << 31))
    }
}
