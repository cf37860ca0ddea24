//! The ends of transactions (`access/xact.h`).

use pgrx::{pg_guard, pg_sys};
use std::ffi::c_void;
use std::sync::OnceLock;

static AT_END: OnceLock<fn()> = OnceLock::new();

/// From now on calls this at the end of each transaction. It must not raise an ERROR: it may be too late for that.
pub fn at_end(callback: fn()) {
    if AT_END.set(callback).is_ok() {
        // SAFETY: the callback stays valid because the library is never unloaded.
        unsafe { pg_sys::RegisterXactCallback(Some(ended), std::ptr::null_mut()) };
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn ended(event: pg_sys::XactEvent::Type, _argument: *mut c_void) {
    use pg_sys::XactEvent::{XACT_EVENT_ABORT, XACT_EVENT_COMMIT, XACT_EVENT_PREPARE};
    if let (XACT_EVENT_COMMIT | XACT_EVENT_ABORT | XACT_EVENT_PREPARE, Some(callback)) = (event, AT_END.get()) {
        callback();
    }
}
