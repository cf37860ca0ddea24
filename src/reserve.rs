//! Reserving memory for what others decide the size of, with a way out. Pure.
//!
//! An ordinary allocation that fails ends the backend (`pg::allocator`). Where the size is a peer's doing, that is too
//! much: there the failure is an error like others. The allocator must know which of the two is asked of it.

use std::collections::TryReserveError;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static HAS_WAY_OUT: AtomicBool = AtomicBool::new(false);

/// Makes room for so many more bytes, if there is memory for them.
pub fn reserve(bytes: &mut Vec<u8>, additional: usize) -> Result<(), TryReserveError> {
    HAS_WAY_OUT.store(true, Relaxed);
    let result = bytes.try_reserve_exact(additional);
    HAS_WAY_OUT.store(false, Relaxed);
    result
}

/// Whether the allocation that is being made may fail.
pub fn has_way_out() -> bool {
    HAS_WAY_OUT.load(Relaxed)
}
