//! Interrupts (`miscadmin.h`): when a cancel or a shutdown request may take effect.
//!
//! They are served between things: in the reactor's wait loop (see there), and between the evaluations of an expression that
//! is to be evaluated many times.

use pgrx::pg_sys;
use pgrx::pg_sys::errcodes::PgSqlErrorCode;
use pgrx::pg_sys::panic::CaughtError;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// `CHECK_FOR_INTERRUPTS()`: unwinds if the query is to end, and doesn't return at all if the backend is.
pub fn check() {
    pgrx::check_for_interrupts!();
}

/// Holds interrupts off until it is dropped.
#[must_use]
pub struct Held(());

/// `HOLD_INTERRUPTS()`.
pub fn hold() -> Held {
    // SAFETY: a plain global of the backend, written on its only thread.
    unsafe { pg_sys::InterruptHoldoffCount += 1 };
    Held(())
}

impl Drop for Held {
    fn drop(&mut self) {
        // `RESUME_INTERRUPTS()`. An ERROR in between has set the counter to zero already; it must not wrap.
        // SAFETY: a plain global of the backend, written on its only thread; nothing else is touched, so this is also
        // safe during abort.
        unsafe { pg_sys::InterruptHoldoffCount = pg_sys::InterruptHoldoffCount.saturating_sub(1) };
    }
}

/// A PostgreSQL ERROR or a Rust panic on its way up, stopped for a moment by [`catch`].
pub struct Unwinding(Box<dyn Any + Send>);

impl Unwinding {
    /// Whether it is that the query is cancelled, by a user or a time-out.
    pub fn is_cancel(&self) -> bool {
        match self.0.downcast_ref() {
            Some(CaughtError::PostgresError(report) | CaughtError::ErrorReport(report)) => {
                report.sql_error_code() == PgSqlErrorCode::ERRCODE_QUERY_CANCELED
            }
            _ => false,
        }
    }

    /// Lets it go on its way.
    pub fn resume(self) -> ! {
        resume_unwind(self.0)
    }
}

/// Runs `body`; an ERROR in it is held so that the caller can tidy up, and must be resumed.
///
/// The backend's error stack still holds the ERROR: until [`Unwinding::resume`] only do what is allowed in a
/// `PG_CATCH` block.
pub fn catch<T>(body: impl FnOnce() -> T) -> Result<T, Unwinding> {
    catch_unwind(AssertUnwindSafe(body)).map_err(Unwinding)
}
