//! Local queries (`executor/spi.h`).

use super::datum;
use super::encoding;
use super::expression::{self, Expression, Validity};
use super::interrupts;
use pgrx::pg_sys::{self, Datum, Oid};
use std::cell::{Cell, OnceCell};
use std::ffi::c_char;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// A local query with parameters. It is prepared at its first use, so that it can be made before what it uses; PostgreSQL
/// plans it again by itself when what it uses changes.
pub struct Statement {
    sql: String,
    types: Vec<Oid>,
    plan: OnceCell<Plan>,
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Statement").field(&self.sql).finish()
    }
}

impl Statement {
    /// A query with parameters of these types.
    pub fn new(sql: String, types: Vec<Oid>) -> Statement {
        Statement { sql, types, plan: OnceCell::new() }
    }

    /// Its text.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Whether it has been used.
    pub fn is_prepared(&self) -> bool {
        self.plan.get().is_some()
    }

    /// Runs it and hands the result on. If `read_only` it sees the snapshot of the calling query, otherwise what the
    /// transaction has done so far. What is wrong with it, and what it raises, passes.
    pub fn run<T>(
        &self,
        values: impl Iterator<Item = Option<Datum>>,
        read_only: bool,
        read: impl FnOnce(&Rows<'_>) -> T,
    ) -> T {
        let plan = self.plan();
        let mut looked = plan.look();
        if let Some(Looked { source, expression: Some(expression), .. }) = looked.as_deref_mut() {
            let result = with_snapshot(read_only, || {
                // SAFETY: made from this source; the types are those that the plan was prepared with.
                let value = unsafe { expression.value(*source, values) };
                read(&Rows(Found::Value(expression.type_oid, value), PhantomData))
            });
            expression.forget_value();
            plan.looked.set(looked);
            return result;
        }
        plan.looked.set(looked);
        connected(|spi| read(&spi.execute(plan, values, read_only)))
    }

    /// If it is one expression: computes it, read-only, so many times, with the values of each time, and hands the number,
    /// the type and the value on. `None` if it isn't; then nothing was done but to look whether the query is right.
    pub fn repeat<E, V: Iterator<Item = Option<Datum>>>(
        &self,
        times: usize,
        values: impl Fn(usize) -> V,
        mut read: impl FnMut(usize, Oid, Option<Datum>) -> Result<(), E>,
    ) -> Option<Result<(), E>> {
        let plan = self.plan();
        let mut looked = plan.look()?;
        let result = looked.expression.as_mut().map(|expression| {
            with_snapshot(true, || {
                for number in 0..times {
                    interrupts::check(); // as a run of the executor does
                    // SAFETY: as in `run`.
                    let value = unsafe { expression.value(looked.source, values(number)) };
                    read(number, expression.type_oid, value)?;
                    expression.forget_value();
                }
                Ok(())
            })
        });
        plan.looked.set(Some(looked));
        result
    }

    /// Its plan, made now if this is the first time. Preparing may run functions, which may come here again: then the first
    /// one to finish counts.
    fn plan(&self) -> &Plan {
        self.plan.get().unwrap_or_else(|| {
            let plan = connected(|spi| spi.prepare(&self.sql, &self.types));
            self.plan.get_or_init(|| plan)
        })
    }
}

/// A prepared query, kept until it is dropped.
struct Plan {
    plan: NonNull<pg_sys::_SPI_plan>,
    /// What was found when the plan was last looked at. It is taken out while an expression is evaluated: a call of the same
    /// inside the evaluation makes its own, and an ERROR drops it.
    looked: Cell<Option<Box<Looked>>>,
}

/// What a plan was found to be, and how long that holds.
struct Looked {
    source: *mut pg_sys::CachedPlanSource,
    validity: Validity,
    /// `None` if it isn't one.
    expression: Option<Expression>,
}

impl Drop for Plan {
    fn drop(&mut self) {
        // SAFETY: a kept plan belongs to us alone; freeing it is allowed during abort.
        unsafe {
            pg_sys::SPI_freeplan(self.plan.as_ptr());
        }
    }
}

impl Plan {
    /// Takes out what the plan is. `None` if that can't be said now. Raises what is wrong with the query by now.
    fn look(&self) -> Option<Box<Looked>> {
        if let Some(looked) = self.looked.take() {
            // SAFETY: the source is the plan's.
            let now = unsafe { Validity::now(looked.source) };
            if now == Some(looked.validity) {
                return Some(looked);
            }
        }
        connected(|_| {
            // SAFETY: SPI is connected. The sources are those of the kept plan. The generic plan that we get, NULL if there
            // are several queries, is held by the current resource owner, from which it is released; after an ERROR the
            // owner does that. The validity is that of before, so that a change meanwhile is noticed.
            unsafe {
                let plan = self.plan.as_ptr();
                let source = expression::only(pg_sys::SPI_plan_get_plan_sources(plan))?;
                let cached = pg_sys::SPI_plan_get_cached_plan(plan);
                let validity = Validity::now(source);
                let expression = Expression::of(source, cached);
                pg_sys::ReleaseCachedPlan(cached, pg_sys::CurrentResourceOwner);
                Some(Box::new(Looked { source, validity: validity?, expression }))
            }
        })
    }
}

/// Runs `body` with the snapshot that SPI gives to a statement: a read-only one has its caller's; another one has a new one,
/// which also shows what commands before it in this transaction did, and those after it see what it did.
fn with_snapshot<T>(read_only: bool, body: impl FnOnce() -> T) -> T {
    // SAFETY: the same calls in the same order as _SPI_execute_plan. After an ERROR in between the transaction's own
    // clean-up pops the snapshot, as it does for SPI.
    unsafe {
        pg_sys::EnsurePortalSnapshotExists();
        if read_only {
            return body();
        }
        pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        pg_sys::CommandCounterIncrement();
        pg_sys::UpdateActiveSnapshotCommandId();
        let result = body();
        pg_sys::CommandCounterIncrement();
        pg_sys::PopActiveSnapshot();
        result
    }
}

/// An SPI connection, open while [`connected`] runs.
struct Spi(());

/// Runs `body` with SPI connected. An ERROR inside leaves SPI to the transaction's own clean-up.
fn connected<T>(body: impl FnOnce(&Spi) -> T) -> T {
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
    fn prepare(&self, sql: &str, types: &[Oid]) -> Plan {
        let sql = encoding::to_server_cstring(sql);
        // SAFETY: NUL-terminated text and as many types as said; SPI_prepare copies both. It returns NULL only for
        // arguments that we don't pass.
        unsafe {
            let plan = pg_sys::SPI_prepare(sql.as_ptr().cast(), types.len() as i32, types.as_ptr().cast_mut());
            let plan = NonNull::new(plan).expect("SPI_prepare refuses only a NULL query or a negative count");
            pg_sys::SPI_keepplan(plan.as_ptr());
            Plan { plan, looked: Cell::new(None) }
        }
    }

    /// Runs a plan.
    fn execute<'s>(&'s self, plan: &Plan, values: impl Iterator<Item = Option<Datum>>, read_only: bool) -> Rows<'s> {
        let null_flag = |value: Option<Datum>| if value.is_none() { b'n' } else { b' ' } as c_char;
        let (mut datums, nulls): (Vec<_>, Vec<_>) =
            values.map(|value| (value.unwrap_or(Datum::null()), null_flag(value))).unzip();
        // SAFETY: one value and one null flag for each parameter that the plan was prepared with.
        unsafe {
            let result =
                pg_sys::SPI_execute_plan(plan.plan.as_ptr(), datums.as_mut_ptr(), nulls.as_ptr(), read_only, 0);
            let table = NonNull::new(pg_sys::SPI_tuptable).filter(|_| result == pg_sys::SPI_OK_SELECT as i32);
            let count = if table.is_some() { pg_sys::SPI_processed as usize } else { 0 };
            Rows(Found::Table(table, count), PhantomData)
        }
    }
}

/// The result of a local SELECT, in memory that is gone when its reader returns.
pub struct Rows<'s>(Found, PhantomData<&'s ()>);

enum Found {
    /// SPI's rows and their number. There is no table when the query returned no rows because it was no SELECT.
    Table(Option<NonNull<pg_sys::SPITupleTable>>, usize),
    /// One row of one column of this type, an integer's or text.
    Value(Oid, Option<Datum>),
}

impl Rows<'_> {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self.0 {
            Found::Table(_, count) => count,
            Found::Value(..) => 1,
        }
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        match &self.0 {
            // SAFETY: the table and its descriptor are valid while SPI is connected.
            Found::Table(table, ..) => table.map_or(0, |table| unsafe { (*(*table.as_ptr()).tupdesc).natts as usize }),
            Found::Value(..) => 1,
        }
    }

    /// Type of a column, counted from 0; InvalidOid if there is no such column.
    pub fn column_type(&self, column: usize) -> Oid {
        match &self.0 {
            _ if column >= self.columns() => pg_sys::InvalidOid,
            // SAFETY: as above; the descriptor has that column.
            Found::Table(Some(table), ..) => unsafe {
                pg_sys::SPI_gettypeid((*table.as_ptr()).tupdesc, column as i32 + 1)
            },
            Found::Table(None, ..) => pg_sys::InvalidOid,
            Found::Value(type_oid, _) => *type_oid,
        }
    }

    /// A field as a Datum, pointing into the result's memory if it is passed by reference. `None` if it is NULL.
    pub fn datum(&self, row: usize, column: usize) -> Option<Datum> {
        let (tuple, descriptor) = match &self.0 {
            Found::Table(..) => self.tuple(row),
            Found::Value(_, value) => return value.filter(|_| (row, column) == (0, 0)),
        };
        let mut is_null = true;
        // SAFETY: the tuple belongs to the descriptor; SPI_getbinval checks the column's number.
        let datum = unsafe { pg_sys::SPI_getbinval(tuple, descriptor, column as i32 + 1, &raw mut is_null) };
        (!is_null).then_some(datum)
    }

    /// A field of type `text`. `None` if it is NULL.
    pub fn text(&self, row: usize, column: usize) -> Option<String> {
        assert_eq!(self.column_type(column), pg_sys::TEXTOID);
        self.datum(row, column).map(|text| encoding::from_server(&datum::varlena_bytes(text)))
    }

    /// A field of any type, as its output function writes it. `None` if it is NULL.
    pub fn as_text(&self, row: usize, column: usize) -> Option<String> {
        if self.column_type(column) == pg_sys::TEXTOID {
            return self.text(row, column);
        }
        let (tuple, descriptor) = self.tuple(row);
        // SAFETY: the tuple belongs to the descriptor; SPI_getvalue checks the column's number, and returns palloc'd text or
        // NULL. What the output function raises passes.
        unsafe {
            let text = pg_sys::SPI_getvalue(tuple, descriptor, column as i32 + 1);
            (!text.is_null()).then(|| encoding::from_server_cstr(text))
        }
    }

    fn tuple(&self, row: usize) -> (pg_sys::HeapTuple, pg_sys::TupleDesc) {
        let Found::Table(Some(table), count) = &self.0 else { panic!("a result with rows has a table") };
        assert!(row < *count, "row {row} of {count}");
        // SAFETY: `vals` has `count` tuples.
        unsafe { (*(*table.as_ptr()).vals.add(row), (*table.as_ptr()).tupdesc) }
    }
}
