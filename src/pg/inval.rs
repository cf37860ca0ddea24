//! Cache invalidation (`utils/inval.h`): hearing that catalogs have changed.
//!
//! PostgreSQL tells every backend of committed changes, and the one that made them at once. All we keep is a count of
//! them: what was derived from a catalog is looked at again when the count is another one.

use pgrx::pg_sys::{self, Datum, SysCacheIdentifier};
use std::cell::Cell;
use std::ffi::c_int;

thread_local! {
    static SERVERS: Cell<u64> = const { Cell::new(0) };
    static TYPES: Cell<u64> = const { Cell::new(0) };
}

/// How often foreign servers, their wrappers or user mappings have changed.
pub fn server_changes() -> u64 {
    SERVERS.get()
}

/// How often types or schemas have changed.
pub fn type_changes() -> u64 {
    TYPES.get()
}

/// Begins to count; called once, when the library is loaded.
pub fn register() {
    use SysCacheIdentifier::{FOREIGNDATAWRAPPEROID, FOREIGNSERVEROID, NAMESPACEOID, TYPEOID, USERMAPPINGOID};
    for cache in [FOREIGNDATAWRAPPEROID, FOREIGNSERVEROID, USERMAPPINGOID] {
        // SAFETY: the callback only counts; it stays valid because the library is never unloaded.
        unsafe { pg_sys::CacheRegisterSyscacheCallback(cache as c_int, Some(server_changed), Datum::null()) };
    }
    for cache in [NAMESPACEOID, TYPEOID] {
        // SAFETY: as above.
        unsafe { pg_sys::CacheRegisterSyscacheCallback(cache as c_int, Some(type_changed), Datum::null()) };
    }
}

unsafe extern "C-unwind" fn server_changed(_: Datum, _: c_int, _: u32) {
    SERVERS.set(SERVERS.get() + 1);
}

unsafe extern "C-unwind" fn type_changed(_: Datum, _: c_int, _: u32) {
    TYPES.set(TYPES.get() + 1);
}
