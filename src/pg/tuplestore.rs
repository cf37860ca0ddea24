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

    /// Appends so many rows, of each one value for each column of the row type: the first ones of these. They are copied.
    pub fn put(&self, row_type: &RowType, rows: usize, values: &mut [pg_sys::Datum], nulls: &mut [bool]) {
        let (store, descriptor) = (self.0.as_ptr(), row_type.descriptor());
        let width = row_type.width();
        assert!(values.len() >= rows * width && nulls.len() >= rows * width);
        let (values, nulls) = (values.as_mut_ptr(), nulls.as_mut_ptr());
        // SAFETY: values and nulls have the descriptor's length for each row (checked) and the columns' types. One guard is
        // for all of them: an ERROR jumps to it over the closure, which owns nothing.
        unsafe {
            pg_sys::ffi::pg_guard_ffi_boundary(|| {
                for row in 0..rows {
                    tuplestore_putvalues(store, descriptor, values.add(row * width), nulls.add(row * width));
                }
            });
        }
    }
}

// pgrx's own binding has a guard for every call.
unsafe extern "C-unwind" {
    fn tuplestore_putvalues(
        state: *mut pg_sys::Tuplestorestate,
        tdesc: pg_sys::TupleDesc,
        values: *mut pg_sys::Datum,
        isnull: *mut bool,
    );
}
