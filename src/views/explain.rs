//! `plproxy_explain`: what a call would do, or does.

use crate::error::{Problem, Result};
use crate::executor::explain::{self, Explanation};
use crate::pg::calls::Call;
use crate::pg::catalog;
use crate::pg::datum::{text, varlena_bytes};
use crate::pg::encoding;
use crate::pg::result_rows::ResultRows;
use crate::pg::written_call;
use pgrx::pg_sys::Datum;

/// The C function behind the language.
const HANDLER: &str = "plproxy_call_handler";

/// Explains the call that the first argument is; if the second one is true, by making it. Text has a row for each line, JSON
/// one row. The function is strict.
pub fn explain_call(call: Call) -> Result<Datum> {
    let (Some(written), Some(is_analysis), Some(format)) = (call.argument(0), call.argument(1), call.argument(2))
    else {
        return Ok(call.null());
    };
    let written = encoding::from_server(&varlena_bytes(written));
    let is_json = match encoding::from_server(&varlena_bytes(format)).to_ascii_lowercase().as_str() {
        "text" => false,
        "json" => true,
        other => return Err(Problem::ExplainFormat(other.to_owned()).into()),
    };
    let target = written_call::read(&written);
    let Some(target) = target.filter(|target| catalog::is_handled_by(target.function(), HANDLER)) else {
        return Err(Problem::NotACall(written).into());
    };
    let is_analysis = is_analysis.value() != 0;
    let explanation = target.run(|call, make| match is_analysis {
        true => explain::analyze(call, make),
        false => explain::plan(call, make),
    });
    let explanation = explanation.flatten().map(Explanation::for_current_user);
    let rows = ResultRows::begin(call)?;
    let put = |line: &str| rows.put(|| [Some(text(line))]);
    match explanation {
        None if is_json => put("null"),
        None => put("The function is STRICT and an argument is NULL: it isn't called."),
        Some(explanation) if is_json => {
            put(&serde_json::to_string_pretty(&explanation).expect("text and numbers can be written"));
        }
        Some(explanation) => explanation.to_string().lines().for_each(put),
    }
    Ok(call.null())
}
