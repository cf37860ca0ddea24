//! The table of counters that all backends share. Pure: the memory is words that somebody else provides.
//!
//! # How it works without locks
//!
//! There is room for a fixed number of entries. An entry's key is hashed to 64 bits, and the hash itself, in an array of
//! hashes, claims a place for it: whoever doesn't find it puts it by compare-and-swap into the first place that is free,
//! from where the hash points to. From then on the place is that key's; two keys with equal hashes, which nobody will live
//! to see, would be counted together. What the key is, for people to read, is written by whoever finds that it isn't
//! there yet, and it doesn't matter how many do, since all write the same words. A checksum, written last, says that they
//! are complete; a reader who finds that it doesn't fit removes it, so that they are written again. All else are
//! counters, which are only added to. So nobody ever waits, and a backend that dies at any moment leaves nothing that
//! another one has to put in order.
//!
//! A reset frees all places. While it is under way, the generation is odd, and nobody counts. A backend that has looked at
//! the generation just before, and is suspended until after the reset, adds its call to whatever is at its place
//! then. That is the price of having no locks, and it is a small one.

use super::histogram::{self, BUCKETS};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::time::Duration;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// What is counted. Those that nearly every call adds to come first: they share a cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    Calls,
    Rows,
    BytesIn,
    BytesOut,
    /// Nanoseconds from when a call was sent until its answer was complete, or it was given up.
    WaitTime,
    /// The longest of these times. Not a sum, other than all others.
    MaxTime,
    RemoteErrors,
    ConnectionErrors,
    Timeouts,
    Canceled,
    OtherErrors,
    Connects,
    Reconnects,
    Cancels,
    /// Nanoseconds.
    ConnectTime,
}

const COUNTERS: usize = Counter::ConnectTime as usize + 1;

/// How many bytes of a cluster's name are kept. Longer names are told apart, but look alike.
pub const NAME_BYTES: usize = 8 * NAME_WORDS;
const NAME_WORDS: usize = 12;
const KEY_WORDS: usize = 2 + NAME_WORDS;

// An entry, in words.
const CHECKSUM: usize = 0;
const FIRST_COUNTER: usize = 1;
const KEY: usize = FIRST_COUNTER + COUNTERS;
const LATENCY: usize = KEY + KEY_WORDS;
const ENTRY: usize = (LATENCY + BUCKETS).next_multiple_of(CACHE_LINE);

// What comes before the hashes and entries.
const GENERATION: usize = 0;
const RESET_AT: usize = 1;
const OVERLOOKED: usize = 2;
const HEADER: usize = CACHE_LINE;

const CACHE_LINE: usize = 8;

/// How many words a table with room for so many entries needs.
pub const fn words(entries: usize) -> usize {
    HEADER + entries * (1 + ENTRY)
}

/// The table.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    header: &'a [AtomicU64],
    hashes: &'a [AtomicU64],
    entries: &'a [AtomicU64],
}

/// On whose behalf calls are counted: what the keys of a call have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account<'a> {
    /// OID of the database.
    pub database: u32,
    /// OID of the role that the connection is for.
    pub role: u32,
    /// `None` for CONNECT, which has no partitions either.
    pub cluster: Option<&'a str>,
}

/// The counters of one key, to be added to.
#[derive(Clone, Copy, Debug)]
pub struct Counters<'a>(&'a [AtomicU64]);

/// An entry, as it was at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub database: u32,
    pub role: u32,
    /// The beginning of the cluster's name, and the partition.
    pub place: Option<(String, u32)>,
    counters: [u64; COUNTERS],
    /// How many calls took how long; see [`histogram`].
    pub latency: [u64; BUCKETS],
}

impl<'a> Table<'a> {
    /// Of words that are zero, or another table in use.
    pub fn new(words: &'a [AtomicU64]) -> Table<'a> {
        let (header, rest) = words.split_at(HEADER);
        let (hashes, entries) = rest.split_at(rest.len() / (1 + ENTRY));
        Table { header, hashes, entries }
    }

    /// How many keys there is room for.
    pub fn capacity(&self) -> usize {
        self.hashes.len()
    }

    /// How many calls weren't counted for lack of room.
    pub fn overlooked(&self) -> u64 {
        self.header[OVERLOOKED].load(Relaxed)
    }

    /// When everything was last set to zero, as [`Table::reset`] was told.
    pub fn reset_at(&self) -> i64 {
        self.header[RESET_AT].load(Relaxed).cast_signed()
    }

    /// Forgets everything. If another backend is just doing that, it is left to it.
    pub fn reset(&self, now: i64) {
        let generation = self.header[GENERATION].load(Acquire);
        if !generation.is_multiple_of(2)
            || self.header[GENERATION].compare_exchange(generation, generation + 1, AcqRel, Relaxed).is_err()
        {
            return;
        }
        for (hash, entry) in self.hashes.iter().zip(self.entries.chunks(ENTRY)) {
            if hash.load(Relaxed) != 0 {
                entry.iter().for_each(|word| word.store(0, Relaxed));
                hash.store(0, Release);
            }
        }
        self.header[OVERLOOKED].store(0, Relaxed);
        self.header[RESET_AT].store(now.cast_unsigned(), Relaxed);
        self.header[GENERATION].store(generation + 2, Release);
    }

    /// The counters of a key. `None` if there is no room for it, or a reset is under way.
    pub fn counters(&self, account: &Account<'_>, partition: u32) -> Option<Counters<'a>> {
        if !self.header[GENERATION].load(Acquire).is_multiple_of(2) {
            return None;
        }
        let hash = account.hash(partition);
        let Some(number) = self.find(hash) else {
            self.header[OVERLOOKED].fetch_add(1, Relaxed);
            return None;
        };
        let entry = &self.entries[number * ENTRY..][..ENTRY];
        if entry[CHECKSUM].load(Relaxed) == 0 {
            let key = account.key(partition);
            for (word, value) in entry[KEY..].iter().zip(key) {
                word.store(value, Relaxed);
            }
            entry[CHECKSUM].store(checksum(&key, hash), Release);
        }
        Some(Counters(entry))
    }

    /// The place of a hash, which is claimed if need be.
    fn find(&self, hash: u64) -> Option<usize> {
        let first = (hash % self.hashes.len() as u64) as usize;
        let (wrapped, begin) = self.hashes.split_at(first);
        let places = begin.iter().chain(wrapped);
        let is_its = |place: &AtomicU64| match place.load(Relaxed) {
            // Another key's, or, if another backend counts the same just now, this one's.
            0 => place.compare_exchange(0, hash, AcqRel, Acquire).map_or_else(|other| other == hash, |_| true),
            other => other == hash,
        };
        let distance = places.map(is_its).position(|found| found)?;
        Some((first + distance) % self.hashes.len())
    }

    /// What has been counted.
    pub fn rows(self) -> impl Iterator<Item = Row> + use<'a> {
        self.hashes.iter().zip(self.entries.chunks(ENTRY)).filter_map(|(hash, entry)| {
            let hash = hash.load(Acquire);
            let stored = entry[CHECKSUM].load(Acquire);
            if hash == 0 || stored == 0 {
                return None;
            }
            let key: [u64; KEY_WORDS] = std::array::from_fn(|i| entry[KEY + i].load(Relaxed));
            if checksum(&key, hash) != stored {
                // It is let alone if it has changed meanwhile.
                let _ = entry[CHECKSUM].compare_exchange(stored, 0, Relaxed, Relaxed);
                return None;
            }
            Some(Row::new(&key, entry))
        })
    }
}

impl Account<'_> {
    fn hash(&self, partition: u32) -> u64 {
        let owner = u64::from(self.database) << 32 | u64::from(self.role);
        let place = match self.cluster {
            Some(cluster) => xxh3_64_with_seed(&partition.to_le_bytes(), xxh3_64(cluster.as_bytes())),
            None => 0,
        };
        xxh3_64_with_seed(&place.to_le_bytes(), owner).max(1) // 0 is a free place
    }

    fn key(&self, partition: u32) -> [u64; KEY_WORDS] {
        let mut key = [0; KEY_WORDS];
        key[0] = u64::from(self.database) << 32 | u64::from(self.role);
        if let Some(cluster) = self.cluster {
            let name = &cluster[..cluster.floor_char_boundary(NAME_BYTES)];
            // The length is one more than it is: 0 is for a name that isn't there.
            key[1] = (name.len() as u64 + 1) << 32 | u64::from(partition);
            for (word, bytes) in key[2..].iter_mut().zip(name.as_bytes().chunks(8)) {
                let mut padded = [0; 8];
                padded[..bytes.len()].copy_from_slice(bytes);
                *word = u64::from_le_bytes(padded);
            }
        }
        key
    }
}

fn checksum(key: &[u64; KEY_WORDS], hash: u64) -> u64 {
    key.iter().fold(hash, |sum, word| xxh3_64_with_seed(&word.to_le_bytes(), sum)).max(1)
}

impl Counters<'_> {
    /// Adds to a counter.
    pub fn add(&self, counter: Counter, amount: u64) {
        if amount > 0 {
            self.0[FIRST_COUNTER + counter as usize].fetch_add(amount, Relaxed);
        }
    }

    /// Counts how long a call has waited for its answer.
    pub fn add_wait(&self, time: Duration) {
        let nanoseconds = nanoseconds(time);
        self.add(Counter::WaitTime, nanoseconds);
        let longest = &self.0[FIRST_COUNTER + Counter::MaxTime as usize];
        if longest.load(Relaxed) < nanoseconds {
            longest.fetch_max(nanoseconds, Relaxed);
        }
        self.0[LATENCY + histogram::bucket(time)].fetch_add(1, Relaxed);
    }
}

/// As times are counted.
pub fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Row {
    fn new(key: &[u64; KEY_WORDS], entry: &[AtomicU64]) -> Row {
        let length = (key[1] >> 32) as usize;
        let bytes: Vec<u8> = key[2..].iter().flat_map(|word| word.to_le_bytes()).collect();
        let place = length.checked_sub(1).and_then(|length| {
            let name = String::from_utf8_lossy(bytes.get(..length)?).into_owned();
            Some((name, key[1] as u32))
        });
        let from = |first: usize| move |i: usize| entry[first + i].load(Relaxed);
        Row {
            database: (key[0] >> 32) as u32,
            role: key[0] as u32,
            place,
            counters: std::array::from_fn(from(FIRST_COUNTER)),
            latency: std::array::from_fn(from(LATENCY)),
        }
    }

    /// What a counter says.
    pub fn get(&self, counter: Counter) -> u64 {
        self.counters[counter as usize]
    }

    /// What a counter of nanoseconds says, in milliseconds.
    pub fn milliseconds(&self, counter: Counter) -> f64 {
        self.get(counter) as f64 / 1e6
    }

    /// The time, in milliseconds, that a part of the calls doesn't exceed; see [`histogram::percentile`].
    pub fn percentile(&self, rank: f64) -> Option<f64> {
        histogram::percentile(&self.latency, rank, self.milliseconds(Counter::MaxTime))
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, Counter, NAME_BYTES, Table, words};
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering::Relaxed;
    use std::thread;
    use std::time::Duration;

    fn memory(entries: usize) -> Vec<AtomicU64> {
        (0..words(entries)).map(|_| AtomicU64::new(0)).collect()
    }

    fn account(cluster: Option<&str>) -> Account<'_> {
        Account { database: 5, role: 10, cluster }
    }

    #[test]
    fn there_is_room_for_as_many_as_were_asked_for() {
        assert_eq!(Table::new(&memory(100)).capacity(), 100);
    }

    #[test]
    fn keys_are_told_apart() {
        let memory = memory(64);
        let table = Table::new(&memory);
        let other_role = Account { role: 11, ..account(Some("a")) };
        let other_database = Account { database: 6, ..account(Some("a")) };
        let keys = [(account(None), 0), (account(Some("")), 0), (account(Some("a")), 0), (account(Some("a")), 1)];
        for (amount, (account, partition)) in keys.into_iter().chain([(other_role, 0), (other_database, 0)]).enumerate()
        {
            table.counters(&account, partition).unwrap().add(Counter::Rows, amount as u64 + 1);
        }
        let mut rows: Vec<_> =
            table.rows().map(|row| (row.get(Counter::Rows), row.database, row.role, row.place)).collect();
        rows.sort();
        let place = |name: &str, partition| Some((name.to_owned(), partition));
        let expected = [
            (1, 5, 10, None),
            (2, 5, 10, place("", 0)),
            (3, 5, 10, place("a", 0)),
            (4, 5, 10, place("a", 1)),
            (5, 5, 11, place("a", 0)),
            (6, 6, 10, place("a", 0)),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn long_names_are_cut_but_not_confused() {
        let memory = memory(64);
        let table = Table::new(&memory);
        let long = "\u{e9}".repeat(NAME_BYTES);
        for name in [long.clone() + "1", long.clone() + "2", format!("x{long}")] {
            table.counters(&account(Some(&name)), 0).unwrap().add(Counter::Calls, 1);
        }
        let mut names: Vec<_> = table.rows().map(|row| row.place.unwrap().0).collect();
        names.sort();
        let cut = &long[..NAME_BYTES];
        assert_eq!(names, [&*format!("x{}", &long[..NAME_BYTES - 2]), cut, cut]);
    }

    #[test]
    fn a_full_table_says_so_until_it_is_reset() {
        let memory = memory(3);
        let table = Table::new(&memory);
        for partition in 0..3 {
            table.counters(&account(Some("a")), partition).unwrap().add(Counter::Calls, 1);
        }
        assert!(table.counters(&account(Some("a")), 3).is_none());
        assert!(table.counters(&account(Some("a")), 2).is_some());
        assert_eq!((table.rows().count(), table.overlooked()), (3, 1));
        table.reset(42);
        assert_eq!((table.rows().count(), table.overlooked(), table.reset_at()), (0, 0, 42));
        assert!(table.counters(&account(Some("a")), 3).is_some());
        assert_eq!(table.rows().next().unwrap().get(Counter::Calls), 0);
    }

    #[test]
    fn nobody_counts_during_a_reset() {
        let memory = memory(3);
        let table = Table::new(&memory);
        table.counters(&account(None), 0).unwrap().add(Counter::Calls, 1);
        table.header[super::GENERATION].store(1, Relaxed);
        assert!(table.counters(&account(None), 0).is_none());
        table.reset(42);
        assert_eq!((table.rows().count(), table.reset_at()), (1, 0));
    }

    #[test]
    fn what_a_suspended_writer_has_spoilt_is_written_again() {
        let memory = memory(3);
        let table = Table::new(&memory);
        table.counters(&account(None), 0).unwrap().add(Counter::Calls, 1);
        let entry = table.entries.chunks(super::ENTRY).find(|entry| entry[super::CHECKSUM].load(Relaxed) != 0).unwrap();
        entry[super::KEY].store(7, Relaxed);
        assert_eq!(table.rows().count(), 0);
        table.counters(&account(None), 0).unwrap().add(Counter::Calls, 1);
        assert_eq!(table.rows().next().unwrap().get(Counter::Calls), 2);
    }

    #[test]
    fn nothing_is_lost_when_all_count_at_once() {
        const THREADS: u64 = 8;
        const CALLS: u64 = 10_000;
        const KEYS: u32 = 50;
        let memory = memory(64);
        let table = Table::new(&memory);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for call in 0..CALLS {
                        let counters = table.counters(&account(Some("a")), call as u32 % KEYS).unwrap();
                        counters.add(Counter::Calls, 1);
                        counters.add_wait(Duration::from_micros(call));
                    }
                });
            }
        });
        let rows: Vec<_> = table.rows().collect();
        assert_eq!(rows.len(), KEYS as usize);
        assert_eq!(rows.iter().map(|row| row.get(Counter::Calls)).sum::<u64>(), THREADS * CALLS);
        assert_eq!(rows.iter().flat_map(|row| row.latency).sum::<u64>(), THREADS * CALLS);
        let waited: u64 = rows.iter().map(|row| row.get(Counter::WaitTime)).sum();
        assert_eq!(waited, THREADS * 1000 * (0..CALLS).sum::<u64>());
        assert_eq!(rows.iter().map(|row| row.get(Counter::MaxTime)).max(), Some((CALLS - 1) * 1000));
    }
}
