//! Queries that run here: RUN ON, CLUSTER and CONNECT with a function.

use crate::error::Problem;
use crate::parser::Sql;
use crate::pg::calls::Call;
use crate::pg::spi::{Rows, Statement};
use pgrx::pg_sys::{self, Datum, Oid};
use std::fmt::Write as _;

/// A local query over the function's arguments.
#[derive(Debug)]
pub struct LocalQuery {
    statement: Statement,
    /// For `$1`, `$2`, … the index of the function's argument.
    arguments: Vec<usize>,
}

impl LocalQuery {
    /// `prefix` and then the call as it is written. `types` are those of the function's arguments.
    pub fn of_call(prefix: &str, call: &Sql, types: &[Oid]) -> LocalQuery {
        let rest = call.render(|out, number, _| {
            let _ = write!(out, "${number}");
        });
        LocalQuery::new(format!("{prefix}{rest}"), call.arguments(), types)
    }

    /// `select` and a name that is no argument's.
    pub fn of_name(name: &str) -> LocalQuery {
        LocalQuery::new(format!("select {name}"), Vec::new(), &[])
    }

    /// `select $1`.
    pub fn of_argument(argument: usize, types: &[Oid]) -> LocalQuery {
        LocalQuery::new("select $1".to_owned(), vec![argument], types)
    }

    fn new(sql: String, arguments: Vec<usize>, types: &[Oid]) -> LocalQuery {
        let types = arguments.iter().map(|&argument| types[argument]).collect();
        LocalQuery { statement: Statement::new(sql, types), arguments }
    }

    /// Runs it with the arguments of a call, and hands the result on. What it raises passes.
    pub fn run<T>(&self, call: Call, read: impl FnOnce(&Rows<'_>) -> T) -> T {
        let values = self.arguments.iter().map(|&argument| call.argument(argument));
        self.statement.run(values, true, read)
    }

    /// If it is no more than an expression: computes it so many times, and hands the number, the type and the value on;
    /// `value` says what an argument is this time. `None` if it is more; but what is wrong with the query was raised.
    pub fn repeat<E>(
        &self,
        times: usize,
        value: impl Fn(usize, usize) -> Option<Datum>,
        read: impl FnMut(usize, Oid, Option<Datum>) -> Result<(), E>,
    ) -> Option<Result<(), E>> {
        let value = &value;
        let values = |number| self.arguments.iter().map(move |&argument| value(argument, number));
        self.statement.repeat(times, values, read)
    }

    /// Runs it and expects one text: a cluster's name or a connection string.
    pub fn text(&self, call: Call) -> Result<String, Problem> {
        self.run(call, |rows| {
            if rows.len() != 1 {
                return Err(Problem::NameRows { query: self.statement.sql().to_owned(), rows: rows.len() });
            }
            if rows.column_type(0) != pg_sys::TEXTOID {
                return Err(Problem::NameType);
            }
            rows.text(0, 0).ok_or(Problem::NameNull)
        })
    }
}
