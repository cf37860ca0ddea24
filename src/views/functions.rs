//! `plproxy_functions`: the functions that this backend has compiled, and what their calls add up to.

use crate::error::Result;
use crate::function;
use crate::pg::calls::Call;
use crate::pg::catalog;
use crate::pg::datum::{count, milliseconds, text};
use crate::pg::result_rows::ResultRows;
use pgrx::pg_sys::Datum;

/// A row for each function that is still there, the oldest first.
pub fn functions(call: Call) -> Result<Datum> {
    let rows = ResultRows::begin(call)?;
    let mut functions = function::all();
    functions.retain(|&(oid, _)| catalog::procedure_version(oid).is_some());
    functions.sort_by_key(|&(oid, _)| oid.to_u32());
    for (oid, function) in functions {
        let usage = &function.usage;
        rows.put(|| {
            [
                Some(Datum::from(oid)),
                Some(text(&function.destination_text)),
                function.remote_query().map(|query| text(&query)),
                Some(count(usage.calls())),
                Some(count(usage.errors())),
                Some(milliseconds(usage.total_time())),
                Some(milliseconds(usage.max_time())),
            ]
        });
    }
    Ok(call.null())
}
