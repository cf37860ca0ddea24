//! From hash values to partitions. Pure.
//!
//! This is where rows live: whatever changes here moves the data of every site.

/// How a hash value selects one of the partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// hash & (n − 1), for n a power of two.
    Mask(i64),
    /// abs(hash % n), for any n.
    Modulo(i64),
}

impl Mapping {
    /// The mapping for this many partitions. `None` if there can't be that many: zero never, and without `modulo` only
    /// a power of two.
    pub fn new(partitions: usize, modulo: bool) -> Option<Mapping> {
        let count = i64::try_from(partitions).ok().filter(|&count| count > 0)?;
        match modulo {
            true => Some(Mapping::Modulo(count)),
            false => partitions.is_power_of_two().then_some(Mapping::Mask(count - 1)),
        }
    }

    /// The partition, counted from 0.
    pub fn partition(self, hash: i64) -> usize {
        let partition = match self {
            Mapping::Mask(mask) => hash & mask,
            Mapping::Modulo(count) => (hash % count).abs(),
        };
        usize::try_from(partition).expect("a mask or a modulus is below the number of partitions")
    }
}

#[cfg(test)]
mod tests {
    use super::Mapping;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    #[test]
    fn counts() {
        for (partitions, mask, modulo) in
            [(0, false, false), (1, true, true), (2, true, true), (3, false, true), (4, true, true), (6, false, true)]
        {
            assert_eq!(Mapping::new(partitions, false).is_some(), mask, "mask over {partitions}");
            assert_eq!(Mapping::new(partitions, true).is_some(), modulo, "modulo over {partitions}");
        }
    }

    #[test]
    fn known_values() {
        let mask = Mapping::new(4, false).unwrap();
        let modulo = Mapping::new(3, true).unwrap();
        for (hash, by_mask, by_modulo) in
            [(0, 0, 0), (1, 1, 1), (5, 1, 2), (-1, 3, 1), (-2, 2, 2), (i64::MAX, 3, 1), (i64::MIN, 0, 2)]
        {
            assert_eq!(mask.partition(hash), by_mask, "mask of {hash}");
            assert_eq!(modulo.partition(hash), by_modulo, "modulo of {hash}");
        }
    }

    proptest! {
        #[test]
        fn in_range(hash in any::<i64>(), count in 1usize..5000) {
            prop_assert!(Mapping::new(count, true).unwrap().partition(hash) < count);
            if let Some(mask) = Mapping::new(count, false) {
                prop_assert!(mask.partition(hash) < count);
            }
        }

        #[test]
        fn int4_and_int8_agree(hash in any::<i32>()) {
            let mask = Mapping::new(8, false).unwrap();
            prop_assert_eq!(mask.partition(i64::from(hash)), (hash & 7) as usize);
        }
    }
}
