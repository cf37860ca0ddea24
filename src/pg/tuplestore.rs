//! Stores of rows that spill to disk (`utils/tuplestore.h`).

use super::row_type::RowType;
use pgrx::pg_sys;
use std::ptr::NonNull;

/// A store that this side reads again itself; ended when dropped.
#[derive(Debug)]
pub struct SideStore(RowStore);

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

    /// Appends all rows of `side`, in their order.
    pub fn append(&self, row_type: &RowType, side: SideStore) {
        // SAFETY: both stores hold rows of this type; the slot is dropped before either.
        unsafe {
            let slot = pg_sys::MakeSingleTupleTableSlot(row_type.descriptor(), &raw const pg_sys::TTSOpsMinimalTuple);
            while pg_sys::tuplestore_gettupleslot(side.0.0.as_ptr(), true, false, slot) {
                pg_sys::tuplestore_puttupleslot(self.0.as_ptr(), slot);
            }
            pg_sys::ExecDropSingleTupleTableSlot(slot);
        }
    }
}

impl SideStore {
    /// An empty store that keeps this many kilobytes in memory and the rest on disk.
    pub fn new(kilobytes: i32) -> SideStore {
        // SAFETY: lives in the current memory context, which outlives the execution that owns the store.
        unsafe { SideStore(RowStore::from_ptr(pg_sys::tuplestore_begin_heap(false, false, kilobytes.max(64)))) }
    }

    /// For appending.
    pub fn rows(&self) -> &RowStore {
        &self.0
    }
}

impl Drop for SideStore {
    fn drop(&mut self) {
        // SAFETY: the store is ours. While an ERROR unwinds, its memory and files are still there: they go when the
        // transaction is aborted, later.
        unsafe { pg_sys::tuplestore_end(self.0.0.as_ptr()) }
    }
}
