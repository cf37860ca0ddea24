//! Queries that run here: RUN ON, CLUSTER and CONNECT with a function.

use crate::error::Problem;
use crate::parser::Sql;
use crate::pg::calls::Call;
use crate::pg::spi::{Plan, Rows, Spi, connected};
use pgrx::pg_sys::{self, Oid};
use std::cell::OnceCell;
use std::fmt::Write as _;

/// A local query over the function's arguments. It is planned at its first use, so that a function can be created
/// before what it uses.
#[derive(Debug)]
pub struct LocalQuery {
    sql: String,
    /// For `$1`, `$2`, … the index of the function's argument.
    arguments: Vec<usize>,
    types: Vec<Oid>,
    plan: OnceCell<Plan>,
}

impl LocalQuery {
    /// `prefix` and then the call as it is written. `types` are those of the function's arguments.
    pub fn of_call(prefix: &str, call: &Sql, types: &[Oid]) -> LocalQuery {
        let rest = call.render(|out, number, _| {
            let _ = write!(out, "${number}");
        });
        let arguments = call.arguments();
        let types = arguments.iter().map(|&argument| types[argument]).collect();
        LocalQuery { sql: format!("{prefix}{rest}"), arguments, types, plan: OnceCell::new() }
    }

    /// `select` and a name that is no argument's.
    pub fn of_name(name: &str) -> LocalQuery {
        LocalQuery { sql: format!("select {name}"), arguments: Vec::new(), types: Vec::new(), plan: OnceCell::new() }
    }

    /// `select $1`.
    pub fn of_argument(argument: usize, types: &[Oid]) -> LocalQuery {
        LocalQuery {
            sql: "select $1".to_owned(),
            arguments: vec![argument],
            types: vec![types[argument]],
            plan: OnceCell::new(),
        }
    }

    /// Runs it with the arguments of a call, and hands the result on. What it raises passes.
    pub fn run<T>(&self, call: Call, read: impl FnOnce(&Rows<'_>) -> T) -> T {
        connected(|spi: &Spi| {
            let plan = self.prepare(spi);
            let values: Vec<_> = self.arguments.iter().map(|&argument| call.argument(argument)).collect();
            read(&spi.execute(plan, &values, true))
        })
    }

    /// Its plan, made now if this is the first time.
    pub fn prepare(&self, spi: &Spi) -> &Plan {
        spi.prepare_once(&self.plan, || (self.sql.clone(), self.types.clone()))
    }

    /// Runs it and expects one text: a cluster's name or a connection string.
    pub fn text(&self, call: Call) -> Result<String, Problem> {
        self.run(call, |rows| {
            if rows.len() != 1 {
                return Err(Problem::NameRows { query: self.sql.clone(), rows: rows.len() });
            }
            if rows.column_type(0) != pg_sys::TEXTOID {
                return Err(Problem::NameType);
            }
            rows.text(0, 0).ok_or(Problem::NameNull)
        })
    }
}
