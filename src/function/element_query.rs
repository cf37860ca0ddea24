//! RUN ON under SPLIT: the hash function for each element.

use super::LocalQuery;
use crate::parser::Sql;
use crate::pg::calls::Call;
use crate::pg::spi::{Rows, Statement};
use pgrx::pg_sys::{self, Datum, Oid};
use std::fmt::Write as _;

/// The call of a hash function for elements.
#[derive(Debug)]
pub struct ElementQuery {
    /// For one element, which will do where it is no more than an expression. What is wrong with the call is said of this,
    /// the text that the user wrote.
    pub single: LocalQuery,
    /// For all elements at once: its rows are the number of an element, counted from 1, and a hash value for it.
    all: Statement,
    /// For `$2`, `$3`, … the index of the function's argument; `$1` is the number of elements.
    arguments: Vec<usize>,
}

impl ElementQuery {
    /// For a call that refers to the arguments `split`, which are arrays, by their elements. `types` are those of the
    /// function's arguments, `element_types` the same with the elements' types in place of the arrays'.
    pub fn new(call: &Sql, split: &[usize], types: &[Oid], element_types: &[Oid]) -> ElementQuery {
        let arguments = call.arguments();
        let text = call.render(|out, _, argument| {
            let _ = write!(out, "s.a{argument}");
        });
        // Set-returning functions in a select list advance in step, and a composite element stays one column. This runs
        // with the privileges of the function's owner and the caller's search_path, so names are written with their schema.
        let mut series = "select pg_catalog.generate_series(1, $1) n".to_owned();
        for (number, argument) in (2..).zip(&arguments) {
            let _ = match split.contains(argument) {
                true => write!(series, ", pg_catalog.unnest(${number}) a{argument}"),
                false => write!(series, ", ${number} a{argument}"),
            };
        }
        let sql = match arguments.is_empty() {
            // In FROM, a call that refers to nothing of the series would be evaluated only once.
            true => format!("select s.n, {text} from ({series}) s"),
            false => format!("select s.n, h.* from ({series}) s cross join lateral (select * from {text}) h"),
        };
        let mut parameter_types = vec![pg_sys::INT4OID];
        parameter_types.extend(arguments.iter().map(|&argument| types[argument]));
        let single = LocalQuery::of_call("select * from ", call, element_types);
        ElementQuery { single, all: Statement::new(sql, parameter_types), arguments }
    }

    /// Runs the query for a call whose arrays have this many elements, and hands the result on. What it raises passes.
    pub fn run<T>(&self, call: Call, length: usize, read: impl FnOnce(&Rows<'_>) -> T) -> T {
        let arguments = self.arguments.iter().map(|&argument| call.argument(argument));
        self.all.run(std::iter::once(Some(Datum::from(length as i32))).chain(arguments), true, read)
    }
}
