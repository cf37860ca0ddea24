//! A timer for a backend that waits for its client (`utils/timeout.h`, `storage/sinval.h`).
//!
//! PostgreSQL runs nothing of an extension's while a backend is idle. But it then takes notice of other backends' changes
//! to the catalogs, when there are many, by running an empty transaction (`ProcessCatchupInterrupt`), at whose end
//! extensions are told as at every other's. So the timer asks for that.

use std::ffi::c_int;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::time::Duration;

// timeout.h isn't part of pgrx's bindings, and a signal handler mustn't pass through what they put around a function.
unsafe extern "C" {
    fn RegisterTimeout(id: c_int, handler: unsafe extern "C" fn()) -> c_int;
    fn enable_timeout_after(id: c_int, delay_ms: c_int);
    fn get_timeout_active(id: c_int) -> bool;
    fn HandleCatchupInterrupt();
}

/// Every number that isn't one of the backend's own asks for the next free one.
const NEXT_FREE: c_int = c_int::MAX;

static ID: AtomicI32 = AtomicI32::new(NEXT_FREE);

/// Ends a transaction after so long, unless the timer is running already. An ERROR stops it, so it must be started again
/// at the end of each transaction.
pub fn start(after: Duration) {
    let milliseconds = c_int::try_from(after.as_millis() + 1).unwrap_or(c_int::MAX);
    // SAFETY: called by a backend outside of signal handlers. The handler, which stays valid, does what is allowed in one.
    // None of these raises an ERROR; being out of timers ends the backend.
    unsafe {
        if ID.load(Relaxed) == NEXT_FREE {
            ID.store(RegisterTimeout(NEXT_FREE, HandleCatchupInterrupt), Relaxed);
        }
        let id = ID.load(Relaxed);
        if !get_timeout_active(id) {
            enable_timeout_after(id, milliseconds);
        }
    }
}
