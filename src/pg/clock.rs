//! The time of day (`utils/timestamp.h`).

use pgrx::pg_sys;

/// Now, as a `timestamptz`: microseconds since 2000-01-01 in UTC.
pub fn now() -> i64 {
    // SAFETY: reads the system's clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}
