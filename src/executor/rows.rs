//! Where rows go.
//!
//! A function that returns one value keeps the first row and counts the others. One that returns a set puts its rows into
//! a tuplestore, partition by partition: rows of the first unfinished partition go straight to the result, rows of later
//! ones wait in stores of their own, which spill to disk as the result does. So no shard is held back, and memory stays
//! within twice `work_mem`.

use crate::error::Problem;
use crate::function::{Reading, Returns};
use crate::pg::calls::Call;
use crate::pg::memory::OwnedContext;
use crate::pg::row_type::RowType;
use crate::pg::tuplestore::{RowStore, SideStore, work_mem};
use crate::wire::{Fields, Place};
use pgrx::pg_sys::Datum;

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
    Set {
        result: RowStore,
        row_type: &'f RowType,
        /// For each shard the rows that came before it was their turn.
        early: Vec<Option<SideStore>>,
        finished: Vec<bool>,
        /// The first shard that hasn't finished: its rows go straight to the result.
        turn: usize,
        /// Rows are made here and forgotten when they are stored.
        scratch: OwnedContext,
    },
}

impl<'f> Output<'f> {
    /// For a call that gets answers from this many shards.
    pub fn new(returns: &'f Returns, set: bool, call: Call, shards: usize) -> Result<Output<'f>, Problem> {
        let row_type = returns.row_type();
        let target = match set {
            false => Target::One { rows: 0, value: None },
            true => Target::Set {
                result: call.begin_set(row_type).ok_or(Problem::SetNotAccepted)?,
                row_type,
                early: (0..shards).map(|_| None).collect(),
                finished: vec![false; shards],
                turn: 0,
                scratch: OwnedContext::for_scratch(c"plproxy row"),
            },
        };
        let reader = RowReader::new(returns);
        Ok(Output { reader, call, target })
    }

    /// Takes a row of a shard. The local input functions may raise an ERROR.
    pub fn row(&mut self, shard: usize, reading: &Reading, row: Fields<'_>) -> Result<(), Problem> {
        match &mut self.target {
            Target::One { rows, value } => {
                *rows += 1;
                if *rows == 1 {
                    *value = self.reader.value(reading, row)?;
                }
            }
            Target::Set { result, row_type, early, turn, scratch, .. } => {
                scratch.reset();
                let (values, nulls) = scratch.enter(|| self.reader.fields(reading, row))?;
                if shard == *turn {
                    result.put(row_type, values, nulls);
                } else {
                    let budget = work_mem() / early.len() as i32;
                    early[shard].get_or_insert_with(|| SideStore::new(budget)).rows().put(row_type, values, nulls);
                }
            }
        }
        Ok(())
    }

    /// A shard's answer is complete.
    pub fn finished(&mut self, shard: usize) {
        let Target::Set { result, row_type, early, finished, turn, .. } = &mut self.target else {
            return;
        };
        finished[shard] = true;
        while finished.get(*turn) == Some(&true) {
            *turn += 1;
            if let Some(rows) = early.get_mut(*turn).and_then(Option::take) {
                result.append(row_type, rows);
            }
        }
    }

    /// All answers are complete.
    pub fn finish(self) -> Result<Datum, Problem> {
        match self.target {
            Target::Set { .. } => Ok(self.call.null()),
            Target::One { rows: 1, value } => Ok(value.unwrap_or_else(|| self.call.null())),
            Target::One { rows, .. } => Err(Problem::RowCount(rows)),
        }
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
