//! Roles (`miscadmin.h`).

use super::encoding;
use pgrx::pg_sys::{self, Oid};

/// The role whose privileges are in force: changed by SET ROLE and SECURITY DEFINER.
pub fn current_user() -> Oid {
    // SAFETY: reads a variable of the backend.
    unsafe { pg_sys::GetUserId() }
}

/// The role that the session is for: changed by SET SESSION AUTHORIZATION only.
pub fn session_user() -> Oid {
    // SAFETY: as above.
    unsafe { pg_sys::GetSessionUserId() }
}

/// A role's name. Raises an ERROR if it doesn't exist any more.
pub fn name(role: Oid) -> String {
    // SAFETY: the name is palloc'd.
    unsafe { encoding::from_server_cstr(pg_sys::GetUserNameFromId(role, false)) }
}
