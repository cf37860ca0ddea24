//! Reserving memory for what others decide the size of, with a way out. Pure.
//!
//! An ordinary allocation that fails ends the backend (`pg::allocator`). Where the size is a peer's doing, that is too
//! much: there the failure is an error like others. The allocator must know which of the two is asked of it.

use std::collections::TryReserveError;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static HAS_WAY_OUT: AtomicBool = AtomicBool::new(false);

/// Makes room for so many more elements, if there is memory for them.
pub fn reserve<T>(elements: &mut Vec<T>, additional: usize) -> Result<(), TryReserveError> {
    with_way_out(|| elements.try_reserve_exact(additional))
}

/// As [`reserve`], and for more that may follow, if there is memory for that, too.
pub fn reserve_ahead<T>(elements: &mut Vec<T>, additional: usize) -> Result<(), TryReserveError> {
    with_way_out(|| elements.try_reserve(additional).or_else(|_| elements.try_reserve_exact(additional)))
}

fn with_way_out<T>(allocate: impl FnOnce() -> T) -> T {
    HAS_WAY_OUT.store(true, Relaxed);
    let result = allocate();
    HAS_WAY_OUT.store(false, Relaxed);
    result
}

/// Whether the allocation that is being made may fail.
pub fn has_way_out() -> bool {
    HAS_WAY_OUT.load(Relaxed)
}
