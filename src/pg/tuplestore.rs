//! Stores of rows that spill to disk (`utils/tuplestore.h`).

use super::row_type::RowType;
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

    /// Appends a row: one value for each column of the row type. The values are copied.
    pub fn put(&self, row_type: &RowType, values: &mut [pg_sys::Datum], nulls: &mut [bool]) {
        // SAFETY: values and nulls have the descriptor's length (checked) and the columns' types.
        unsafe {
            assert!(values.len() == nulls.len() && values.len() == (*row_type.descriptor()).natts as usize);
            pg_sys::tuplestore_putvalues(
                self.0.as_ptr(),
                row_type.descriptor(),
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
        }
    }
}
