//! The lattice: every choice of a level for each column, ordered by how vague it is.

use super::number::{at, code, count};

/// One choice: the level of each column.
pub type Levels = Vec<u8>;

/// All choices of levels for columns of given heights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lattice {
    heights: Levels,
    /// By how much the number of a node grows with each level of a column.
    strides: Vec<u32>,
    nodes: u32,
}

impl Lattice {
    /// The lattice over these heights; none if it has 2^32 nodes or more.
    pub fn new(heights: Levels) -> Option<Self> {
        let nodes = u32::try_from(size(&heights)).ok()?;
        let mut strides = vec![1_u32; heights.len()];
        let mut stride = 1_u32;
        for (place, height) in heights.iter().enumerate().rev() {
            if let Some(own) = strides.get_mut(place) {
                *own = stride;
            }
            stride = stride.saturating_mul(u32::from(*height) + 1);
        }
        Some(Self { heights, strides, nodes })
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> u32 {
        self.nodes
    }

    /// The node with everything as vague as it can be.
    pub fn top(&self) -> u32 {
        self.nodes - 1
    }

    /// The levels of a node.
    pub fn levels(&self, node: u32) -> Levels {
        let mut rest = node;
        let mut levels = Levels::with_capacity(self.heights.len());
        for stride in &self.strides {
            levels.push(u8::try_from(rest / stride).unwrap_or(u8::MAX));
            rest %= stride;
        }
        levels
    }

    /// The node with these levels.
    pub fn node(&self, levels: &[u8]) -> u32 {
        levels.iter().zip(&self.strides).map(|(level, stride)| u32::from(*level) * stride).sum()
    }

    /// The nodes with one column one level vaguer.
    pub fn above(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let levels = self.levels(node);
        let columns = self.strides.iter().zip(&self.heights).zip(levels);
        columns.filter(|((_, height), level)| level < *height).map(move |((stride, _), _)| node + stride)
    }

    /// The nodes with one column one level finer.
    pub fn below(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let levels = self.levels(node);
        self.strides.iter().zip(levels).filter(|(_, level)| *level > 0).map(move |(stride, _)| node - stride)
    }

    /// All nodes, those with fewer levels in all first.
    pub fn by_height(&self) -> Vec<u32> {
        let total = |node: u32| self.levels(node).iter().map(|level| u32::from(*level)).sum::<u32>();
        let highest: u32 = self.heights.iter().map(|height| u32::from(*height)).sum();
        let mut shelves = vec![Vec::new(); at(highest) + 1];
        for node in 0..self.nodes {
            if let Some(shelf) = shelves.get_mut(at(total(node))) {
                shelf.push(node);
            }
        }
        shelves.concat()
    }

    /// How many columns it is over.
    pub fn columns(&self) -> u32 {
        code(self.heights.len())
    }
}

/// How many nodes a lattice over these heights has, however many.
pub fn size(heights: &[u8]) -> u128 {
    heights.iter().fold(1_u128, |size, height| size.saturating_mul(u128::from(*height) + 1))
}

/// Whether every column of `finer` is at most as vague as in `coarser`.
pub(super) fn is_at_or_below(finer: &[u8], coarser: &[u8]) -> bool {
    finer.iter().zip(coarser).all(|(low, high)| low <= high)
}

/// The levels as a sum: how far up a node lies.
pub(super) fn total(levels: &[u8]) -> u64 {
    count(levels.iter().map(|level| usize::from(*level)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_and_levels_are_two_names_of_one_thing() {
        let lattice = Lattice::new(vec![1, 4, 0, 2]).expect("is small");
        assert_eq!(lattice.nodes(), 30);
        assert_eq!(lattice.levels(lattice.top()), [1, 4, 0, 2]);
        for node in 0..lattice.nodes() {
            assert_eq!(lattice.node(&lattice.levels(node)), node);
            for higher in lattice.above(node) {
                assert!(is_at_or_below(&lattice.levels(node), &lattice.levels(higher)));
                assert_eq!(total(&lattice.levels(higher)), total(&lattice.levels(node)) + 1);
                assert!(lattice.below(higher).any(|lower| lower == node));
            }
        }
        let order = lattice.by_height();
        assert_eq!((order.len(), order.first(), order.last()), (30, Some(&0), Some(&29)));
    }

    #[test]
    fn a_lattice_without_columns_has_one_node() {
        let lattice = Lattice::new(Vec::new()).expect("is small");
        assert_eq!((lattice.nodes(), lattice.levels(0)), (1, Vec::new()));
    }

    #[test]
    fn case_26_forty_columns_are_counted_without_overflow() {
        assert_eq!(size(&[4; 20]), 95_367_431_640_625);
        assert_eq!(Lattice::new(vec![4; 20]), None);
        assert_eq!(size(&[255; 40]), u128::MAX, "saturates");
    }
}
