//! Databases (`miscadmin.h`, `commands/dbcommands.h`).

use super::datum;
use pgrx::pg_sys::{self, Datum, Oid};

/// The database that this backend is connected to.
pub fn current() -> Oid {
    // SAFETY: reads a variable of the backend.
    unsafe { pg_sys::MyDatabaseId }
}

/// The name of a database, as a `text` in the current memory context; `None` if it doesn't exist any more.
pub fn name(database: Oid) -> Option<Datum> {
    // SAFETY: a syscache look-up; the result is palloc'd and NUL-terminated, or NULL.
    unsafe { datum::text_of_cstr(pg_sys::get_database_name(database)) }
}
