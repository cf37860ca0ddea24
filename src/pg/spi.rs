//! Local queries (`executor/spi.h`).

use super::encoding;
use pgrx::pg_sys;
use std::cell::OnceCell;
use std::ffi::{CStr, c_char};
use std::ptr::NonNull;

/// A prepared local query, kept until it is dropped; PostgreSQL plans it again by itself when what it uses changes.
#[derive(Debug)]
pub struct Plan(NonNull<pg_sys::_SPI_plan>);

impl Drop for Plan {
    fn drop(&mut self) {
        // SAFETY: a kept plan belongs to us alone; freeing it is allowed during abort.
        unsafe {
            pg_sys::SPI_freeplan(self.0.as_ptr());
        }
    }
}

/// An SPI connection, open while [`connected`] runs.
pub struct Spi(());

/// Runs `body` with SPI connected. An ERROR inside leaves SPI to the transaction's own clean-up.
pub fn connected<T>(body: impl FnOnce(&Spi) -> T) -> T {
    // SAFETY: SPI_connect and SPI_finish pair up on every path but an ERROR, where AtEOSubXact_SPI finishes.
    unsafe {
        pg_sys::SPI_connect();
        let result = body(&Spi(()));
        pg_sys::SPI_finish();
        result
    }
}

impl Spi {
    /// Prepares a query with parameters of these types and keeps its plan. Raises what is wrong with the query.
    fn prepare(&self, sql: &str, types: &[pg_sys::Oid]) -> Plan {
        let sql = encoding::to_server_cstring(sql);
        // SAFETY: NUL-terminated text and as many types as said; SPI_prepare copies both. It returns NULL only for
        // arguments that we don't pass.
        unsafe {
            let plan = pg_sys::SPI_prepare(sql.as_ptr().cast(), types.len() as i32, types.as_ptr().cast_mut());
            let plan = NonNull::new(plan).expect("SPI_prepare refuses only a NULL query or a negative count");
            pg_sys::SPI_keepplan(plan.as_ptr());
            Plan(plan)
        }
    }

    /// The plan in `cell`, prepared now if there is none. Preparing may run functions, which may come here again for the
    /// same cell: then the first one to finish counts.
    pub fn prepare_once<'c>(
        &self,
        cell: &'c OnceCell<Plan>,
        query: impl FnOnce() -> (String, Vec<pg_sys::Oid>),
    ) -> &'c Plan {
        if let Some(plan) = cell.get() {
            return plan;
        }
        let (sql, types) = query();
        let plan = self.prepare(&sql, &types);
        cell.get_or_init(|| plan)
    }

    /// Has PostgreSQL look whether a plan's query is still right, as it does before it runs one, and raises what is wrong
    /// with it by now.
    pub fn revalidate(&self, plan: &Plan) {
        // SAFETY: SPI is connected. The plan that we get, NULL if there are several, is held by the current resource
        // owner, from which it is released.
        unsafe {
            let cached = pg_sys::SPI_plan_get_cached_plan(plan.0.as_ptr());
            if !cached.is_null() {
                pg_sys::ReleaseCachedPlan(cached, pg_sys::CurrentResourceOwner);
            }
        }
    }

    /// Runs a plan. A read-only one sees the snapshot of the calling query; otherwise it sees what the transaction
    /// has done so far.
    pub fn execute<'s>(&'s self, plan: &Plan, values: &[Option<pg_sys::Datum>], read_only: bool) -> Rows<'s> {
        let mut datums: Vec<_> = values.iter().map(|v| v.unwrap_or(pg_sys::Datum::null())).collect();
        let nulls: Vec<_> = values.iter().map(|v| if v.is_none() { b'n' } else { b' ' } as c_char).collect();
        // SAFETY: one value and one null flag for each parameter that the plan was prepared with.
        unsafe {
            let result = pg_sys::SPI_execute_plan(plan.0.as_ptr(), datums.as_mut_ptr(), nulls.as_ptr(), read_only, 0);
            let table = NonNull::new(pg_sys::SPI_tuptable).filter(|_| result == pg_sys::SPI_OK_SELECT as i32);
            Rows { table, count: if table.is_some() { pg_sys::SPI_processed as usize } else { 0 }, _spi: self }
        }
    }
}

/// The result of a local SELECT, in SPI's memory: gone when SPI is finished.
pub struct Rows<'s> {
    /// `None` when the query returned no rows because it was no SELECT.
    table: Option<NonNull<pg_sys::SPITupleTable>>,
    count: usize,
    _spi: &'s Spi,
}

impl Rows<'_> {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.count
    }

    fn descriptor(&self) -> pg_sys::TupleDesc {
        // SAFETY: the table is valid while SPI is connected.
        self.table.map_or(std::ptr::null_mut(), |table| unsafe { (*table.as_ptr()).tupdesc })
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        // SAFETY: a descriptor of SPI's is valid while it is connected.
        unsafe { self.descriptor().as_ref() }.map_or(0, |descriptor| descriptor.natts as usize)
    }

    /// Type of a column, counted from 0; InvalidOid if there is no such column.
    pub fn column_type(&self, column: usize) -> pg_sys::Oid {
        if column >= self.columns() {
            return pg_sys::InvalidOid;
        }
        // SAFETY: the descriptor has that column.
        unsafe { pg_sys::SPI_gettypeid(self.descriptor(), column as i32 + 1) }
    }

    fn tuple(&self, row: usize) -> pg_sys::HeapTuple {
        assert!(row < self.count, "row {row} of {}", self.count);
        let table = self.table.expect("a result with rows has a table");
        // SAFETY: `vals` has `count` tuples.
        unsafe { *(*table.as_ptr()).vals.add(row) }
    }

    /// A field as a Datum, pointing into SPI's memory if it is passed by reference. `None` if it is NULL.
    pub fn datum(&self, row: usize, column: usize) -> Option<pg_sys::Datum> {
        let mut is_null = true;
        // SAFETY: the tuple belongs to the descriptor; SPI_getbinval checks the column's number.
        let datum =
            unsafe { pg_sys::SPI_getbinval(self.tuple(row), self.descriptor(), column as i32 + 1, &raw mut is_null) };
        (!is_null).then_some(datum)
    }

    /// A field in its text form. `None` if it is NULL.
    pub fn text(&self, row: usize, column: usize) -> Option<String> {
        // SAFETY: as for `datum`; the result is palloc'd and NUL-terminated, or NULL.
        unsafe {
            let text = pg_sys::SPI_getvalue(self.tuple(row), self.descriptor(), column as i32 + 1);
            (!text.is_null()).then(|| encoding::from_server(CStr::from_ptr(text).to_bytes()))
        }
    }
}
