//! How long things took, in buckets. Pure.
//!
//! The bounds are those of a number with three significant bits: four buckets to each doubling, so that what is said of a
//! time from its bucket is never wrong by more than a quarter of it. They begin at 8 µs and end at about 18 minutes;
//! what is shorter or longer is in the first bucket or the last.

use std::time::Duration;

/// How many buckets there are.
pub const BUCKETS: usize = 2 + OCTAVES * STEPS;

/// Powers of two of a microsecond: where the second bucket begins, and where the last does.
const FIRST: usize = 3;
const LAST: usize = 30;
const OCTAVES: usize = LAST - FIRST;
/// Buckets to an octave, as a power of two too.
const STEP_BITS: usize = 2;
const STEPS: usize = 1 << STEP_BITS;

/// The bucket of a time.
pub fn bucket(time: Duration) -> usize {
    let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let octave = microseconds.max(1).ilog2() as usize;
    match octave {
        ..FIRST => 0,
        LAST.. => BUCKETS - 1,
        _ => {
            let step = (microseconds >> (octave - STEP_BITS)) as usize % STEPS;
            1 + (octave - FIRST) * STEPS + step
        }
    }
}

/// Where a bucket begins, and where the next one does, in milliseconds. The last one is without end.
pub fn bounds(bucket: usize) -> (f64, f64) {
    (lower(bucket), if bucket + 1 < BUCKETS { lower(bucket + 1) } else { f64::INFINITY })
}

fn lower(bucket: usize) -> f64 {
    let Some(steps) = bucket.checked_sub(1) else { return 0.0 };
    let (octave, step) = (FIRST + steps / STEPS, steps % STEPS);
    ((STEPS + step) << (octave - STEP_BITS)) as f64 / 1000.0
}

/// The time, in milliseconds, that the part `rank` (0 to 1) of these counts doesn't exceed. Within its bucket it is
/// interpolated, and it is no longer than `longest`. `None` if nothing was counted.
pub fn percentile(counts: &[u64; BUCKETS], rank: f64, longest: f64) -> Option<f64> {
    let total: u64 = counts.iter().sum();
    let wanted = rank * total as f64;
    let mut before = 0;
    for (bucket, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        if (before + count) as f64 >= wanted {
            let (lower, upper) = bounds(bucket);
            let upper = upper.min(longest.max(lower));
            return Some(lower + (upper - lower) * ((wanted - before as f64) / count as f64));
        }
        before += count;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, bounds, bucket, percentile};
    use proptest::prelude::{any, prop, prop_assert, proptest};
    use std::time::Duration;

    fn milliseconds(time: Duration) -> f64 {
        time.as_secs_f64() * 1000.0
    }

    #[test]
    fn buckets_follow_each_other() {
        assert_eq!(bounds(0), (0.0, 0.008));
        assert_eq!(bounds(1), (0.008, 0.010));
        assert_eq!(bounds(2), (0.010, 0.012));
        assert_eq!(bounds(5), (0.016, 0.020));
        assert_eq!(bounds(BUCKETS - 1), (1_073_741.824, f64::INFINITY));
        for number in 1..BUCKETS {
            assert_eq!(bounds(number - 1).1, bounds(number).0);
            assert!(bounds(number).0 < bounds(number).1);
            assert!(number == BUCKETS - 1 || bounds(number).1 / bounds(number).0 <= 1.25);
        }
    }

    #[test]
    fn extremes_have_buckets() {
        assert_eq!(bucket(Duration::ZERO), 0);
        assert_eq!(bucket(Duration::from_micros(7)), 0);
        assert_eq!(bucket(Duration::from_micros(8)), 1);
        assert_eq!(bucket(Duration::from_micros((1 << 30) - 1)), BUCKETS - 2);
        assert_eq!(bucket(Duration::from_micros(1 << 30)), BUCKETS - 1);
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(percentile(&[0; BUCKETS], 0.5, 0.0), None);
    }

    #[test]
    fn the_last_bucket_ends_at_the_longest() {
        let mut counts = [0; BUCKETS];
        counts[BUCKETS - 1] = 1;
        assert_eq!(percentile(&counts, 1.0, 2_000_000.0), Some(2_000_000.0));
    }

    proptest! {
        #[test]
        fn times_are_within_their_buckets(microseconds in any::<u64>(), shift in 0..64u32) {
            let time = Duration::from_micros(microseconds >> shift);
            let (lower, upper) = bounds(bucket(time));
            prop_assert!(lower <= milliseconds(time) && milliseconds(time) < upper);
        }

        #[test]
        fn percentiles_are_in_the_bucket_of_the_true_one(
            times in prop::collection::vec((any::<u64>(), 24..64u32), 1..200),
            rank in 0.001..=1.0f64,
        ) {
            let mut times: Vec<_> = times.iter().map(|(time, shift)| Duration::from_micros(time >> shift)).collect();
            times.sort();
            let mut counts = [0; BUCKETS];
            for &time in &times {
                counts[bucket(time)] += 1;
            }
            let place = (rank * times.len() as f64).ceil() as usize;
            let (lower, upper) = bounds(bucket(times[place - 1]));
            let longest = milliseconds(*times.last().unwrap());
            let estimate = percentile(&counts, rank, longest).unwrap();
            prop_assert!(lower <= estimate && estimate <= upper && estimate <= longest.max(lower));
        }
    }
}
