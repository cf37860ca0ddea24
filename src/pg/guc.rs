//! Settings of the session that values' text forms depend on (`utils/guc.h`).

use pgrx::pg_sys;
use std::ffi::{CStr, c_int};

/// Runs `body`, which writes values for another session to read, with the settings under which that needs to know
/// nothing of this one's: dates that can't be misread, intervals whose signs are plain, floats with all their digits.
/// The same as postgres_fdw does. Costs nothing where the settings are so already, as they are by default.
pub fn with_portable_output<T>(body: impl FnOnce() -> T) -> T {
    // SAFETY: plain globals of the backend, which belong to these settings.
    let (dates, intervals, digits) = unsafe { (pg_sys::DateStyle, pg_sys::IntervalStyle, pg_sys::extra_float_digits) };
    let changes = [
        (dates != pg_sys::USE_ISO_DATES as c_int, c"datestyle", c"ISO"),
        (intervals != pg_sys::INTSTYLE_POSTGRES as c_int, c"intervalstyle", c"postgres"),
        // Everything above 0 gives the shortest digits that are exact.
        (digits < 1, c"extra_float_digits", c"3"),
    ];
    if changes.iter().all(|(needed, ..)| !needed) {
        return body();
    }
    // SAFETY: what is set on this level is forgotten at its end, or, after an ERROR, when the (sub)transaction aborts.
    unsafe {
        let level = pg_sys::NewGUCNestLevel();
        for (_, name, value) in changes.iter().filter(|(needed, ..)| *needed) {
            set_here(name, value);
        }
        let result = body();
        pg_sys::AtEOXact_GUC(true, level);
        result
    }
}

/// # Safety
/// A level has been opened, and the setting is one that everybody may change.
unsafe fn set_here(name: &CStr, value: &CStr) {
    // SAFETY: NUL-terminated text, which is copied; raises an ERROR for a bad value.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
    }
}
