//! How often a function was called here, and how long that took.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// What this backend's calls of a function add up to.
#[derive(Debug, Default)]
pub struct Usage {
    calls: Cell<u64>,
    errors: Cell<u64>,
    total_time: Cell<Duration>,
    max_time: Cell<Duration>,
}

/// A call under way. It counts when it is dropped: as an error, unless it has been said that it was none; an ERROR that
/// unwinds says nothing.
struct UnderWay<'u> {
    usage: &'u Usage,
    begun: Instant,
    is_error: bool,
}

impl Drop for UnderWay<'_> {
    // Safe during abort: adds numbers.
    fn drop(&mut self) {
        let (usage, time) = (self.usage, self.begun.elapsed());
        usage.calls.set(usage.calls.get() + 1);
        usage.errors.set(usage.errors.get() + u64::from(self.is_error));
        usage.total_time.set(usage.total_time.get() + time);
        usage.max_time.set(usage.max_time.get().max(time));
    }
}

impl Usage {
    /// Runs a call, and counts it.
    pub fn count<T, E>(&self, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let mut call = UnderWay { usage: self, begun: Instant::now(), is_error: true };
        let result = run();
        call.is_error = result.is_err();
        result
    }

    /// How many calls have ended, with errors or without.
    pub fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// How many of them with an error, of whatever kind.
    pub fn errors(&self) -> u64 {
        self.errors.get()
    }

    /// How long they took together.
    pub fn total_time(&self) -> Duration {
        self.total_time.get()
    }

    /// How long the longest of them took.
    pub fn max_time(&self) -> Duration {
        self.max_time.get()
    }
}
