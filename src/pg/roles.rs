//! Roles (`miscadmin.h`).

use super::{datum, encoding, inval};
use pgrx::pg_sys::{self, Datum, Oid};
use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::rc::Rc;

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

/// Whether PostgreSQL has switched to a table's owner, to run his code on its own account (VACUUM, ANALYZE, REINDEX, REFRESH
/// MATERIALIZED VIEW), so that nothing of the session may be his.
pub fn is_operation_restricted() -> bool {
    // SAFETY: reads a variable of the backend.
    unsafe { pg_sys::InSecurityRestrictedOperation() }
}

/// Whether the current user is a superuser.
pub fn is_superuser() -> bool {
    // SAFETY: looks into the catalog cache.
    unsafe { pg_sys::superuser() }
}

/// Whether a role is a superuser.
pub fn is_superuser_role(role: Oid) -> bool {
    // SAFETY: looks into the catalog cache; a role that doesn't exist is none.
    unsafe { pg_sys::superuser_arg(role) }
}

/// Whether the current user has the privileges of a role: superusers have everybody's.
pub fn has_privileges_of(role: Oid) -> bool {
    // SAFETY: looks into the catalog caches.
    unsafe { pg_sys::has_privs_of_role(pg_sys::GetUserId(), role) }
}

/// Whether the current user may read the statistics of all roles (`pg_read_all_stats`).
pub fn reads_all_statistics() -> bool {
    has_privileges_of(Oid::from(pg_sys::ROLE_PG_READ_ALL_STATS))
}

/// The name of a role that may not exist any more, as a `text` in the current memory context.
pub fn name_if_exists(role: Oid) -> Option<Datum> {
    // SAFETY: a syscache look-up; the result is palloc'd and NUL-terminated, or NULL, as is asked for.
    unsafe { datum::text_of_cstr(pg_sys::GetUserNameFromId(role, true)) }
}

/// A role's name at a count of changes.
#[derive(Clone)]
struct Named {
    role: Oid,
    changes: u64,
    name: Rc<str>,
}

thread_local! {
    /// The last one: the next call is likely to be the same role's. Never dropped, like everything that lives as long as
    /// the backend.
    static LAST: ManuallyDrop<RefCell<Option<Named>>> = const { ManuallyDrop::new(RefCell::new(None)) };
}

/// A role's name. Raises an ERROR if it doesn't exist any more.
pub fn name(role: Oid) -> Rc<str> {
    let changes = inval::role_changes();
    let last = LAST.with(|last| last.borrow().clone());
    if let Some(last) = last.filter(|last| last.role == role && last.changes == changes) {
        return last.name;
    }
    // SAFETY: the name is palloc'd.
    let name: Rc<str> = unsafe { encoding::from_server_cstr(pg_sys::GetUserNameFromId(role, false)) }.into();
    LAST.with(|last| last.replace(Some(Named { role, changes, name: name.clone() })));
    name
}
