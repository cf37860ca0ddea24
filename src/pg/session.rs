//! What this session is (`miscadmin.h`), in the words that log lines and other servers know it by.

use super::encoding;
use pgrx::pg_sys;
use std::ffi::c_char;

/// # Safety
/// `text` is NULL or NUL-terminated.
unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: the caller's promise.
    (!text.is_null()).then(|| unsafe { encoding::from_server_cstr(text) })
}

/// `application_name`.
pub fn application_name() -> Option<String> {
    // SAFETY: a setting's variable.
    unsafe { text(pg_sys::application_name) }
}

/// `cluster_name`.
pub fn cluster_name() -> Option<String> {
    // SAFETY: a setting's variable.
    unsafe { text(pg_sys::cluster_name) }
}

/// Its ID, as `%c` in `log_line_prefix` writes it: when it began and its process, in hexadecimal digits.
pub fn id() -> String {
    // SAFETY: a plain global of the backend.
    let started = unsafe { pg_sys::MyStartTime };
    format!("{started:x}.{:x}", std::process::id())
}

/// Whether this process works for a parallel query of another one.
pub fn is_parallel_worker() -> bool {
    // SAFETY: a plain global of the backend.
    unsafe { pg_sys::ParallelWorkerNumber >= 0 }
}

/// The database that it is connected to.
pub fn database() -> Option<String> {
    // SAFETY: looks into the catalog cache; NULL if the database is gone.
    unsafe { text(pg_sys::get_database_name(pg_sys::MyDatabaseId)) }
}

/// The user that it has logged in as; a background worker, the one that it works for.
pub fn user() -> Option<String> {
    // SAFETY: looks into the catalog cache; NULL if the role is gone.
    unsafe { text(pg_sys::GetUserNameFromId(pg_sys::GetAuthenticatedUserId(), true)) }
}
