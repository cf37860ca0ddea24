//! When a cache is to be looked through for what has no use any more. Pure.

use std::cell::Cell;

/// How large a cache may grow before it is looked through: twice what was left of it the last time, so that looking costs
/// no more than a step for each entry that was added.
#[derive(Debug)]
pub struct Growth {
    least: usize,
    limit: Cell<usize>,
}

impl Growth {
    /// A cache of fewer entries than this isn't looked through.
    pub const fn from(least: usize) -> Growth {
        Growth { least, limit: Cell::new(least) }
    }

    /// Whether a cache of so many entries is to be looked through before another one is added.
    pub fn is_due(&self, entries: usize) -> bool {
        entries >= self.limit.get()
    }

    /// It has been, and so many are left.
    pub fn left(&self, entries: usize) {
        self.limit.set(self.least.max(2 * entries));
    }
}

#[cfg(test)]
mod tests {
    use super::Growth;

    /// Adds so many entries, of which `kept` remain whenever it is looked through. Returns the largest size, and how many
    /// entries have been looked at.
    fn add(entries: usize, kept: usize) -> (usize, usize) {
        let growth = Growth::from(100);
        let (mut size, mut largest, mut looked_at) = (0, 0, 0);
        for _ in 0..entries {
            if growth.is_due(size) {
                looked_at += size;
                size = size.min(kept);
                growth.left(size);
            }
            size += 1;
            largest = largest.max(size);
        }
        (largest, looked_at)
    }

    #[test]
    fn what_has_no_use_is_soon_gone() {
        assert_eq!(add(100, 0), (100, 0));
        assert_eq!(add(10_000, 0).0, 100);
        assert_eq!(add(10_000, 80).0, 160);
        assert_eq!(add(100_000, 1000).0, 2000);
    }

    #[test]
    fn looking_costs_little() {
        for kept in [0, 10, 99, 100, 101, 1000, 50_000, 100_000] {
            assert!(add(100_000, kept).1 <= 2 * 100_000 + 2 * kept, "{kept}");
        }
    }
}
