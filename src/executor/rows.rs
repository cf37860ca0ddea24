//! Where rows go.
//!
//! A function that returns one value keeps the first row and counts the others. One that returns a set puts its rows into
//! a tuplestore, partition by partition: rows of the first unfinished partition go straight to the result, rows of later
//! ones are put aside as they are ([`Spool`]), beyond a budget in a temporary file. So no shard is held back, and memory
//! stays within twice `work_mem`.

use super::spool::{Spool, SpooledRows};
use crate::error::Problem;
use crate::function::{Reading, ReturnColumn, Returns};
use crate::pg::calls::Call;
use crate::pg::memory::OwnedContext;
use crate::pg::row_type::RowType;
use crate::pg::tuples::Tuples;
use crate::pg::tuplestore::{RowStore, work_mem};
use crate::reactor::Progress;
use crate::wire::{Fields, Format, Malformed, Place, Rows, Unreadable};
use pgrx::pg_sys::Datum;
use std::cell::Cell;
use std::rc::Rc;

/// What is wrong with a row.
#[derive(Debug)]
pub enum Fault {
    /// It can't be read, so nothing else that its server sends can be trusted.
    Malformed,
    /// There is no memory of so many bytes for it.
    NoMemory(usize),
    /// It has a value that isn't one.
    Value(Problem),
}

impl From<Malformed> for Fault {
    fn from(_: Malformed) -> Fault {
        Fault::Malformed
    }
}

impl From<Unreadable> for Fault {
    fn from(unreadable: Unreadable) -> Fault {
        match unreadable {
            Unreadable::NoMemory(length) => Fault::NoMemory(length),
            Unreadable::Malformed | Unreadable::TooLong(_) => Fault::Malformed,
        }
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Fault {
        Fault::Value(problem)
    }
}

/// How many rows, or bytes of them, are read before they are stored and their memory is given back.
const TOGETHER: usize = 64;
const SCRATCH: usize = 64 * 1024;

/// The result of a call as it grows.
pub struct Output<'f> {
    reader: RowReader<'f>,
    call: Call,
    target: Target,
}

enum Target {
    /// One value is expected.
    One { rows: u64, value: Option<Datum> },
    /// A set.
    Set(Set),
}

struct Set {
    store: Store,
    shards: Vec<Shard>,
    /// The first shard whose rows aren't all in the result: those that come now go straight there.
    turn: usize,
    /// How many bytes of early rows of one shard are kept in memory.
    budget: usize,
}

/// What has come from a shard.
#[derive(Default)]
struct Shard {
    /// Rows that came before it was its turn, and how they are to be read.
    early: Option<(Rc<Reading>, Spool)>,
    /// The same, while they are taken out.
    backlog: Option<(Rc<Reading>, SpooledRows)>,
    is_finished: bool,
}

/// The result itself.
struct Store {
    rows: RowStore,
    /// Rows on their way there.
    tuples: Tuples,
    /// What is made on the way, and given back from time to time.
    scratch: OwnedContext,
}

impl<'f> Output<'f> {
    /// For a call that gets answers from this many shards.
    pub fn new(returns: &'f Returns, set: bool, call: Call, shards: usize) -> Result<Output<'f>, Problem> {
        let row_type = &returns.row_type;
        let target = match set {
            false => Target::One { rows: 0, value: None },
            true => Target::Set(Set {
                store: Store {
                    rows: call.begin_set(row_type).ok_or(Problem::SetNotAccepted)?,
                    tuples: Tuples::of(row_type),
                    scratch: OwnedContext::for_scratch(c"plproxy rows"),
                },
                shards: (0..shards).map(|_| Shard::default()).collect(),
                turn: 0,
                budget: work_mem() as usize * 1024 / shards.max(1),
            }),
        };
        Ok(Output { reader: RowReader::new(returns), call, target })
    }

    /// Says which column is being read when it is asked, for errors of the functions that read it. A single value has none.
    pub fn place(&self) -> impl Fn() -> Option<&'f str> + use<'f> {
        let (columns, column) = (&self.reader.returns.columns, self.reader.column.clone());
        move || Some(columns.get(column.get()?)?.name.as_str()).filter(|name| !name.is_empty())
    }

    /// Whose rows are in the result next, or are being put there.
    pub fn turn(&self) -> usize {
        match &self.target {
            Target::One { .. } => 0,
            Target::Set(set) => set.turn,
        }
    }

    /// Takes rows of a shard. The local input functions may raise an ERROR.
    pub fn rows(&mut self, shard: usize, reading: &Rc<Reading>, rows: Rows<'_>) -> Result<(), Fault> {
        match &mut self.target {
            Target::One { rows: count, value } => {
                for row in rows {
                    *count += 1;
                    if *count == 1 {
                        *value = self.reader.value(reading, row)?;
                    }
                }
            }
            Target::Set(set) if shard == set.turn => {
                for row in rows {
                    set.store.put(&mut self.reader, reading, row)?;
                }
            }
            Target::Set(set) => {
                let early = &mut set.shards[shard].early;
                let (_, spool) = early.get_or_insert_with(|| (reading.clone(), Spool::new(set.budget)));
                spool.put(rows);
            }
        }
        Ok(())
    }

    /// A shard's answer is complete.
    pub fn finished(&mut self, shard: usize) {
        if let Target::Set(set) = &mut self.target {
            set.shards[shard].is_finished = true;
        }
    }

    /// Whether this shard's early rows are being taken out: what it sends now has to wait.
    pub fn is_behind(&self, shard: usize) -> bool {
        matches!(&self.target, Target::Set(set) if set.shards[shard].backlog.is_some())
    }

    /// Takes rows that were put aside if it is their turn now, but no more than a few thousand: shards and interrupts have
    /// their turn, too.
    pub fn catch_up(&mut self) -> Result<Progress, Fault> {
        let Target::Set(set) = &mut self.target else {
            return Ok(Progress::Done);
        };
        while let Some(shard) = set.shards.get_mut(set.turn) {
            if let Some((reading, spool)) = shard.early.take() {
                shard.backlog = Some((reading, spool.into_rows()));
            }
            if let Some((reading, rows)) = &mut shard.backlog {
                match rows.next()? {
                    Some(rows) => {
                        for row in rows {
                            set.store.put(&mut self.reader, reading, row)?;
                        }
                    }
                    None => shard.backlog = None,
                }
                // Also at the end of it: something may have come meanwhile.
                return Ok(Progress::Busy);
            }
            if !shard.is_finished {
                return Ok(Progress::Waiting);
            }
            set.turn += 1;
            if set.shards.get(set.turn).is_some_and(|shard| shard.early.is_some()) {
                return Ok(Progress::Busy); // it is to be known whose rows are read
            }
        }
        Ok(Progress::Done)
    }

    /// All answers are complete.
    pub fn finish(self) -> Result<Datum, Problem> {
        match self.target {
            Target::Set(mut set) => {
                set.store.flush();
                Ok(self.call.null())
            }
            Target::One { rows: 1, value } => Ok(value.unwrap_or_else(|| self.call.null())),
            Target::One { rows, .. } => Err(Problem::RowCount(rows)),
        }
    }
}

impl Store {
    fn put(&mut self, reader: &mut RowReader<'_>, reading: &Reading, row: Fields<'_>) -> Result<(), Fault> {
        self.tuples.begin();
        self.scratch.enter(|| reader.append(reading, row, &mut self.tuples))?;
        self.tuples.end();
        if self.tuples.count() == TOGETHER || self.tuples.size() > SCRATCH {
            self.flush();
        }
        Ok(())
    }

    fn flush(&mut self) {
        self.tuples.store(&self.rows);
        self.scratch.reset();
    }
}

/// Makes values of a row's fields, in the current memory context.
struct RowReader<'f> {
    returns: &'f Returns,
    places: Vec<Place>,
    scratch: Vec<u8>,
    /// The column that is being read.
    column: Rc<Cell<Option<usize>>>,
}

impl<'f> RowReader<'f> {
    fn new(returns: &'f Returns) -> RowReader<'f> {
        RowReader { returns, places: Vec::new(), scratch: Vec::new(), column: Rc::default() }
    }

    /// The row as the function's one value; `None` if it is NULL.
    fn value(&mut self, reading: &Reading, row: Fields<'_>) -> Result<Option<Datum>, Fault> {
        if self.returns.are_rows {
            return self.row(reading, row, |row_type, values, nulls| row_type.form(values, nulls)).map(Some);
        }
        let mut value = None;
        self.each(reading, row, |column, field, format, scratch| {
            value = column.codec.read(field, format, scratch)?;
            Ok(())
        })?;
        Ok(value)
    }

    /// The row as a row of the result.
    fn append(&mut self, reading: &Reading, row: Fields<'_>, tuples: &mut Tuples) -> Result<(), Fault> {
        if self.returns.row_type.is_domain() {
            // Its constraints are about Datums.
            return self.row(reading, row, |_, values, nulls| {
                for (&value, &is_null) in values.iter().zip(&*nulls) {
                    if is_null { tuples.null() } else { tuples.value(value) }
                }
            });
        }
        self.each(reading, row, |column, field, format, scratch| {
            while tuples.column() < column.place {
                tuples.null();
            }
            column.codec.append(field, format, tuples, scratch)
        })?;
        while tuples.column() < self.returns.row_type.width() {
            tuples.null();
        }
        Ok(())
    }

    /// The row as Datums and null flags, one for each column of the row type.
    fn row<T>(
        &mut self,
        reading: &Reading,
        row: Fields<'_>,
        make: impl FnOnce(&RowType, &mut [Datum], &mut [bool]) -> T,
    ) -> Result<T, Fault> {
        let row_type = &self.returns.row_type;
        let (mut values, mut nulls) = (vec![Datum::null(); row_type.width()], vec![true; row_type.width()]);
        self.each(reading, row, |column, field, format, scratch| {
            let value = column.codec.read(field, format, scratch)?;
            nulls[column.place] = value.is_none();
            values[column.place] = value.unwrap_or(Datum::null());
            Ok(())
        })?;
        row_type.check_domain(&mut values, &mut nulls);
        Ok(make(row_type, &mut values, &mut nulls))
    }

    /// Shows `take` each column with its field and the field's format.
    fn each(
        &mut self,
        reading: &Reading,
        row: Fields<'_>,
        mut take: impl FnMut(&ReturnColumn, Option<&[u8]>, Format, &mut Vec<u8>) -> Result<(), Problem>,
    ) -> Result<(), Fault> {
        let (count, mut fields) = row.iter()?;
        if usize::from(count) != reading.width() {
            return Err(Fault::Malformed);
        }
        if !reading.is_in_order() {
            row.locate(&mut self.places)?;
        }
        for (index, (column, (number, format))) in self.returns.columns.iter().zip(reading.columns()).enumerate() {
            self.column.set(Some(index));
            let field = match reading.is_in_order() {
                true => fields.next()?,
                false => row.field(&self.places[number]),
            };
            take(column, field, format, &mut self.scratch)?;
        }
        self.column.set(None);
        if reading.is_in_order() { Ok(fields.end()?) } else { Ok(()) }
    }
}
