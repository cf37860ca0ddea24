//! Cache invalidation (`utils/inval.h`): hearing that catalogs have changed.
//!
//! PostgreSQL tells every backend of committed changes, and the one that made them at once. All we keep is a count of
//! them: what was derived from a catalog is looked at again when the count is another one.

use pgrx::pg_sys::{self, Datum, Oid, SysCacheIdentifier};
use std::cell::Cell;
use std::ffi::c_int;

thread_local! {
    static SERVERS: Cell<u64> = const { Cell::new(0) };
    static TYPES: Cell<u64> = const { Cell::new(0) };
    static FUNCTIONS: Cell<u64> = const { Cell::new(0) };
    static ROLES: Cell<u64> = const { Cell::new(0) };
    static RELATIONS: Cell<u64> = const { Cell::new(0) };
    static OWNERS: Cell<u64> = const { Cell::new(0) };
}

/// How often foreign servers, their wrappers or user mappings have changed.
pub fn server_changes() -> u64 {
    SERVERS.get()
}

/// How often types or schemas have changed.
pub fn type_changes() -> u64 {
    TYPES.get()
}

/// How often functions and their languages have changed, or who may call them: functions' owners and privileges, roles
/// and their members, the database's owner.
pub fn function_changes() -> u64 {
    FUNCTIONS.get()
}

/// How often roles have changed.
pub fn role_changes() -> u64 {
    ROLES.get()
}

/// How often tables and their like have changed, or have come and gone; temporary ones, too.
pub fn relation_changes() -> u64 {
    RELATIONS.get()
}

/// How often schemas, roles and their members, or the database's owner and privileges have changed.
pub fn owner_changes() -> u64 {
    OWNERS.get()
}

/// Begins to count; called once, when the library is loaded.
pub fn register() {
    use SysCacheIdentifier::{
        AUTHMEMROLEMEM, AUTHOID, DATABASEOID, FOREIGNDATAWRAPPEROID, FOREIGNSERVEROID, LANGOID, NAMESPACEOID, PROCOID,
        TYPEOID, USERMAPPINGOID,
    };
    let servers =
        [FOREIGNDATAWRAPPEROID, FOREIGNSERVEROID, USERMAPPINGOID].map(|cache| (cache, server_changed as Hear));
    let types = [NAMESPACEOID, TYPEOID].map(|cache| (cache, type_changed as Hear));
    let functions = [PROCOID, LANGOID, AUTHMEMROLEMEM, DATABASEOID].map(|cache| (cache, function_changed as Hear));
    let owners = [NAMESPACEOID, AUTHOID, AUTHMEMROLEMEM, DATABASEOID].map(|cache| (cache, owner_changed as Hear));
    let roles = [(AUTHOID, role_changed as Hear)];
    for (cache, hear) in servers.into_iter().chain(types).chain(functions).chain(roles).chain(owners) {
        // SAFETY: the callback only counts; it stays valid because the library is never unloaded.
        unsafe { pg_sys::CacheRegisterSyscacheCallback(cache as c_int, Some(hear), Datum::null()) };
    }
    // SAFETY: as above.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(relation_changed), Datum::null()) };
}

type Hear = unsafe extern "C-unwind" fn(Datum, c_int, u32);

unsafe extern "C-unwind" fn server_changed(_: Datum, _: c_int, _: u32) {
    SERVERS.set(SERVERS.get() + 1);
}

unsafe extern "C-unwind" fn type_changed(_: Datum, _: c_int, _: u32) {
    TYPES.set(TYPES.get() + 1);
}

unsafe extern "C-unwind" fn function_changed(_: Datum, _: c_int, _: u32) {
    FUNCTIONS.set(FUNCTIONS.get() + 1);
}

unsafe extern "C-unwind" fn role_changed(_: Datum, _: c_int, _: u32) {
    ROLES.set(ROLES.get() + 1);
    FUNCTIONS.set(FUNCTIONS.get() + 1);
}

unsafe extern "C-unwind" fn relation_changed(_: Datum, _: Oid) {
    RELATIONS.set(RELATIONS.get() + 1);
}

unsafe extern "C-unwind" fn owner_changed(_: Datum, _: c_int, _: u32) {
    OWNERS.set(OWNERS.get() + 1);
}
