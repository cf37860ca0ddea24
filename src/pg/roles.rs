//! Roles (`miscadmin.h`).

use super::encoding;
use pgrx::pg_sys;

/// Name of the role whose privileges are in force: changed by SET ROLE and SECURITY DEFINER.
pub fn current_user() -> String {
    // SAFETY: both raise an ERROR if there is no such role; the name is palloc'd.
    unsafe { encoding::from_server_cstr(pg_sys::GetUserNameFromId(pg_sys::GetUserId(), false)) }
}

/// Name of the role that the session is for: changed by SET SESSION AUTHORIZATION only.
pub fn session_user() -> String {
    // SAFETY: as above.
    unsafe { encoding::from_server_cstr(pg_sys::GetUserNameFromId(pg_sys::GetSessionUserId(), false)) }
}
