//! Portals (`utils/portal.h`): what the client runs just now.

use pgrx::pg_sys;
use std::ffi::CStr;

/// Shows `look` the name of the portal that is running: empty for a client's unnamed one, made up by PostgreSQL for a query
/// inside of a function. `None` outside of any.
pub fn with_active_name<T>(look: impl FnOnce(Option<&CStr>) -> T) -> T {
    // SAFETY: NULL, or the portal that the calls above us are running; its name is there as long as it is, and so while `look`
    // runs.
    look(unsafe { pg_sys::ActivePortal.as_ref().map(|portal| CStr::from_ptr(portal.name)) })
}

/// Whether there is a portal of this name.
pub fn exists(name: &CStr) -> bool {
    // SAFETY: looks into the backend's table of portals.
    unsafe { !pg_sys::GetPortalByName(name.as_ptr()).is_null() }
}
