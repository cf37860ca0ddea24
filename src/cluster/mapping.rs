//! From hash values to partitions. Pure.
//!
//! This is where rows live: whatever changes here moves the data of every site.

use serde::Deserialize;

/// A way to select partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MappingKind {
    /// hash & (n − 1), for n a power of two.
    #[default]
    Mask,
    /// abs(hash % n), for any n.
    Modulo,
    /// Jump consistent hash, for any n: with one partition more, one key in n + 1 moves, and only to the new one.
    Jump,
}

/// How a hash value selects one of so many partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    kind: MappingKind,
    /// Number of partitions, above 0.
    count: i64,
}

impl Mapping {
    /// The mapping over this many partitions. `None` if there can't be that many: zero never, and a mask needs a power
    /// of two.
    pub fn new(kind: MappingKind, partitions: usize) -> Option<Mapping> {
        let count = i64::try_from(partitions).ok().filter(|&count| count > 0)?;
        (kind != MappingKind::Mask || partitions.is_power_of_two()).then_some(Mapping { kind, count })
    }

    /// The partition, counted from 0.
    pub fn partition(self, hash: i64) -> usize {
        let partition = match self.kind {
            MappingKind::Mask => hash & (self.count - 1),
            MappingKind::Modulo => (hash % self.count).abs(),
            MappingKind::Jump => jump(hash.cast_unsigned(), self.count),
        };
        usize::try_from(partition).expect("each of these is at least 0 and below the number of partitions")
    }
}

/// Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm": a walk through the numbers of partitions at
/// which the key would have moved, driven by a linear congruential generator that starts with the key.
fn jump(mut key: u64, count: i64) -> i64 {
    let (mut partition, mut next) = (0, 0);
    while next < count {
        partition = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let random = ((key >> 33) + 1) as f64; // 1 to 2^31
        next = ((partition + 1) as f64 * ((1u64 << 31) as f64 / random)) as i64;
    }
    partition
}

#[cfg(test)]
mod tests {
    use super::{Mapping, MappingKind};
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    const KINDS: [MappingKind; 3] = [MappingKind::Mask, MappingKind::Modulo, MappingKind::Jump];

    #[test]
    fn counts() {
        for (partitions, mask, others) in
            [(0, false, false), (1, true, true), (2, true, true), (3, false, true), (4, true, true), (6, false, true)]
        {
            assert_eq!(Mapping::new(MappingKind::Mask, partitions).is_some(), mask, "mask over {partitions}");
            assert_eq!(Mapping::new(MappingKind::Modulo, partitions).is_some(), others, "modulo over {partitions}");
            assert_eq!(Mapping::new(MappingKind::Jump, partitions).is_some(), others, "jump over {partitions}");
        }
    }

    #[test]
    fn known_values() {
        let mask = Mapping::new(MappingKind::Mask, 4).unwrap();
        let modulo = Mapping::new(MappingKind::Modulo, 3).unwrap();
        for (hash, by_mask, by_modulo) in
            [(0, 0, 0), (1, 1, 1), (5, 1, 2), (-1, 3, 1), (-2, 2, 2), (i64::MAX, 3, 1), (i64::MIN, 0, 2)]
        {
            assert_eq!(mask.partition(hash), by_mask, "mask of {hash}");
            assert_eq!(modulo.partition(hash), by_modulo, "modulo of {hash}");
        }
    }

    #[test]
    fn jump_spreads_evenly() {
        let jump = Mapping::new(MappingKind::Jump, 5).unwrap();
        let mut counts = [0; 5];
        for hash in 0..100_000 {
            counts[jump.partition(hash)] += 1;
        }
        assert!(counts.iter().all(|count| (19_000..21_000).contains(count)), "{counts:?}");
    }

    proptest! {
        #[test]
        fn in_range(hash in any::<i64>(), count in 1usize..5000) {
            for mapping in KINDS.into_iter().filter_map(|kind| Mapping::new(kind, count)) {
                prop_assert!(mapping.partition(hash) < count);
            }
        }

        #[test]
        fn int4_and_int8_agree(hash in any::<i32>()) {
            let mask = Mapping::new(MappingKind::Mask, 8).unwrap();
            prop_assert_eq!(mask.partition(i64::from(hash)), (hash & 7) as usize);
        }

        #[test]
        fn jump_moves_keys_only_to_the_new_partition(hash in any::<i64>(), count in 1usize..500) {
            let before = Mapping::new(MappingKind::Jump, count).unwrap().partition(hash);
            let after = Mapping::new(MappingKind::Jump, count + 1).unwrap().partition(hash);
            prop_assert!(after == before || after == count);
        }
    }
}
