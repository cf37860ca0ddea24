//! Rows that a C function of ours returns as a set (`funcapi.h`, `utils/tuplestore.h`): for functions of which PostgreSQL
//! knows the columns, because they are declared with OUT parameters, `RETURNS TABLE`, or as a set of one type.

use super::calls::Call;
use super::memory::OwnedContext;
use super::row_type::{ResultShape, RowType, result_shape};
use super::tuplestore::RowStore;
use crate::error::Problem;
use pgrx::pg_sys::{self, Datum};

/// The result of a call as it grows. When the C function returns (NULL, see [`Call::null`]), the caller has the rows.
#[derive(Debug)]
pub struct ResultRows {
    row_type: RowType,
    store: RowStore,
    /// What values are made of, given back after each row.
    scratch: OwnedContext,
    /// Where the row type lives.
    _context: OwnedContext,
}

impl ResultRows {
    /// Starts the result of a call; must be called at most once for it. Fails if the caller can't take a set.
    pub fn begin(call: Call) -> Result<ResultRows, Problem> {
        let context = OwnedContext::for_scratch(c"plproxy result");
        let row_type = match result_shape(call.function(), &context) {
            ResultShape::Row(row_type) => row_type,
            ResultShape::Scalar(type_oid) => RowType::of_scalar(type_oid, &context),
            ResultShape::Record | ResultShape::Unsupported => return Err(Problem::WrongContext),
        };
        let store = call.begin_set(&row_type).ok_or(Problem::SetNotAccepted)?;
        let scratch = OwnedContext::for_scratch(c"plproxy result row");
        Ok(ResultRows { row_type, store, scratch, _context: context })
    }

    /// Adds the row that `make` makes; `None` is NULL. Values may be allocated there as they please: the row is a copy, and
    /// their memory is given back.
    ///
    /// # Panics
    /// If there aren't as many values as columns. That they are of the right types is the caller's word.
    pub fn put<const COLUMNS: usize>(&self, make: impl FnOnce() -> [Option<Datum>; COLUMNS]) {
        assert!(self.row_type.width() == COLUMNS, "{COLUMNS} values for {} columns", self.row_type.width());
        self.scratch.enter(|| {
            let row = make();
            let mut values = row.map(|value| value.unwrap_or(Datum::null()));
            let mut nulls = row.map(|value| value.is_none());
            // SAFETY: as many values and null flags as the descriptor has attributes. The store copies them.
            unsafe {
                pg_sys::tuplestore_putvalues(
                    self.store.as_ptr(),
                    self.row_type.descriptor(),
                    values.as_mut_ptr(),
                    nulls.as_mut_ptr(),
                );
            }
        });
        self.scratch.reset();
    }
}
