//! Where rows go.
//!
//! A function that returns one value keeps the first row and counts the others. One that returns a set puts its rows into
//! a tuplestore, partition by partition: rows of the first unfinished partition go straight to the result, rows of later
//! ones are put aside as they are ([`Spool`]), beyond a budget in a temporary file. So no shard is held back, and memory
//! stays within twice `work_mem`.

use super::spool::{Spool, SpooledRows};
use crate::error::Problem;
use crate::function::{Reading, Returns};
use crate::pg::calls::Call;
use crate::pg::memory::OwnedContext;
use crate::pg::row_type::RowType;
use crate::pg::tuplestore::{RowStore, work_mem};
use crate::reactor::Progress;
use crate::wire::{Fields, Place};
use pgrx::pg_sys::Datum;
use std::rc::Rc;

/// How many rows that were put aside are taken before shards and interrupts have their turn.
const BATCH: usize = 1000;

/// How many bytes of rows are read before the memory of their values is given back.
const SCRATCH: usize = 64 * 1024;

/// The result of a call as it grows.
pub struct Output<'f> {
    reader: RowReader<'f>,
    call: Call,
    target: Target<'f>,
}

enum Target<'f> {
    /// One value is expected.
    One { rows: u64, value: Option<Datum> },
    /// A set.
    Set(Set<'f>),
}

struct Set<'f> {
    store: Store<'f>,
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
struct Store<'f> {
    rows: RowStore,
    row_type: &'f RowType,
    /// Values are made here, and forgotten some time after they were stored.
    scratch: OwnedContext,
    /// How many bytes have been read since.
    used: usize,
}

impl<'f> Output<'f> {
    /// For a call that gets answers from this many shards.
    pub fn new(returns: &'f Returns, set: bool, call: Call, shards: usize) -> Result<Output<'f>, Problem> {
        let row_type = returns.row_type();
        let target = match set {
            false => Target::One { rows: 0, value: None },
            true => Target::Set(Set {
                store: Store {
                    rows: call.begin_set(row_type).ok_or(Problem::SetNotAccepted)?,
                    row_type,
                    scratch: OwnedContext::for_scratch(c"plproxy rows"),
                    used: 0,
                },
                shards: (0..shards).map(|_| Shard::default()).collect(),
                turn: 0,
                budget: work_mem() as usize * 1024 / shards.max(1),
            }),
        };
        Ok(Output { reader: RowReader::new(returns), call, target })
    }

    /// Takes a row of a shard. The local input functions may raise an ERROR.
    pub fn row(&mut self, shard: usize, reading: &Rc<Reading>, row: Fields<'_>) -> Result<(), Problem> {
        match &mut self.target {
            Target::One { rows, value } => {
                *rows += 1;
                if *rows == 1 {
                    *value = self.reader.value(reading, row)?;
                }
            }
            Target::Set(set) if shard == set.turn => set.store.put(&mut self.reader, reading, row)?,
            Target::Set(set) => {
                let early = &mut set.shards[shard].early;
                let (_, spool) = early.get_or_insert_with(|| (reading.clone(), Spool::new(set.budget)));
                spool.put(row.bytes());
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

    /// Takes rows that were put aside if it is their turn now, but no more than a batch.
    pub fn catch_up(&mut self) -> Result<Progress, Problem> {
        let Target::Set(set) = &mut self.target else {
            return Ok(Progress::Done);
        };
        while let Some(shard) = set.shards.get_mut(set.turn) {
            if let Some((reading, spool)) = shard.early.take() {
                shard.backlog = Some((reading, spool.into_rows()));
            }
            if let Some((reading, rows)) = &mut shard.backlog {
                for _ in 0..BATCH {
                    let Some(row) = rows.next() else {
                        shard.backlog = None;
                        break;
                    };
                    set.store.put(&mut self.reader, reading, Fields::from_bytes(row))?;
                }
                // Also at the end of it: something may have come meanwhile.
                return Ok(Progress::Busy);
            }
            if !shard.is_finished {
                return Ok(Progress::Waiting);
            }
            set.turn += 1;
        }
        Ok(Progress::Done)
    }

    /// All answers are complete.
    pub fn finish(self) -> Result<Datum, Problem> {
        match self.target {
            Target::Set(_) => Ok(self.call.null()),
            Target::One { rows: 1, value } => Ok(value.unwrap_or_else(|| self.call.null())),
            Target::One { rows, .. } => Err(Problem::RowCount(rows)),
        }
    }
}

impl Store<'_> {
    fn put(&mut self, reader: &mut RowReader<'_>, reading: &Reading, row: Fields<'_>) -> Result<(), Problem> {
        self.used += row.bytes().len();
        if self.used > SCRATCH {
            self.scratch.reset();
            self.used = 0;
        }
        let (values, nulls) = self.scratch.enter(|| reader.fields(reading, row))?;
        self.rows.put(self.row_type, values, nulls);
        Ok(())
    }
}

/// Makes Datums of a row, in the current memory context.
struct RowReader<'f> {
    returns: &'f Returns,
    values: Vec<Datum>,
    nulls: Vec<bool>,
    places: Vec<Place>,
    scratch: Vec<u8>,
}

impl<'f> RowReader<'f> {
    fn new(returns: &'f Returns) -> RowReader<'f> {
        let width = match returns {
            Returns::Scalar(..) => 1,
            Returns::Row(row) => row.columns.len(),
        };
        RowReader {
            returns,
            values: vec![Datum::null(); width],
            nulls: vec![true; width],
            places: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// The row as the function's one value; `None` if it is NULL.
    fn value(&mut self, reading: &Reading, row: Fields<'_>) -> Result<Option<Datum>, Problem> {
        self.fields(reading, row)?;
        Ok(match self.returns {
            Returns::Scalar(..) => (!self.nulls[0]).then(|| self.values[0]),
            Returns::Row(codec) => Some(codec.row_type.form(&mut self.values, &mut self.nulls)),
        })
    }

    /// The row's fields, one for each column of the row type.
    fn fields(&mut self, reading: &Reading, row: Fields<'_>) -> Result<(&mut [Datum], &mut [bool]), Problem> {
        if row.locate(&mut self.places).is_err() || self.places.len() != reading.width() {
            return Err(Problem::InvalidRow);
        }
        let mut columns = reading.columns();
        for (place, codec) in self.returns.places() {
            let Some((field, format)) = columns.next() else { break };
            let value = codec.read(row.field(&self.places[field]), format, &mut self.scratch)?;
            self.nulls[place] = value.is_none();
            self.values[place] = value.unwrap_or(Datum::null());
        }
        if let Returns::Row(codec) = self.returns {
            codec.row_type.check_domain(&mut self.values, &mut self.nulls);
        }
        Ok((&mut self.values, &mut self.nulls))
    }
}
