//! Stores of rows that spill to disk (`utils/tuplestore.h`).

use pgrx::pg_sys;
use std::ptr::NonNull;

/// A store that rows are appended to.
#[derive(Clone, Copy, Debug)]
pub struct RowStore(NonNull<pg_sys::Tuplestorestate>);

/// `work_mem`, in kilobytes.
pub fn work_mem() -> i32 {
    // SAFETY: a GUC's variable.
    unsafe { pg_sys::work_mem }
}

impl RowStore {
    /// # Safety
    /// `store` is a live tuplestore that outlives every use of the result.
    pub unsafe fn from_ptr(store: *mut pg_sys::Tuplestorestate) -> RowStore {
        RowStore(NonNull::new(store).expect("tuplestore_begin_heap never returns NULL"))
    }

    pub(super) fn as_ptr(&self) -> *mut pg_sys::Tuplestorestate {
        self.0.as_ptr()
    }
}
