//! What an error must look like, whatever the case: the right SQLSTATE, the function and the database named, no secret.

use crate::world::CANARY;
use postgres::Error;
use postgres::error::{DbError, ErrorPosition};
use std::fmt::Debug;
use std::time::{Duration, Instant};

/// The result is an error about a shard: `PL/Proxy function FUNCTION: [DATABASE] …` or `FUNCTION: [DATABASE] REMOTE ERROR: …`.
/// `texts` are in its message or its detail.
pub fn expect_shard_error<T: Debug>(
    result: Result<T, Error>,
    sqlstate: &str,
    function: &str,
    database: &str,
    texts: &[&str],
) -> Box<DbError> {
    let prefix = format!("{function}: [{database}] ");
    expect_error(result, sqlstate, &[&[prefix.as_str()], texts].concat())
}

/// The result is an error about a call as a whole: `PL/Proxy function FUNCTION: …`.
pub fn expect_call_error<T: Debug>(
    result: Result<T, Error>,
    sqlstate: &str,
    function: &str,
    texts: &[&str],
) -> Box<DbError> {
    let prefix = format!("PL/Proxy function {function}: ");
    expect_error(result, sqlstate, &[&[prefix.as_str()], texts].concat())
}

/// The result is the error of a shard's session that was ended while it answered. The shard says why, if it isn't just sending
/// something: in the middle of a message there is no place for another one.
pub fn expect_session_ended<T: Debug>(result: Result<T, Error>, function: &str, database: &str) -> Box<DbError> {
    let is_told = matches!(&result, Err(error) if error.code().is_some_and(|code| code.code() == "57P01"));
    match is_told {
        true => {
            let text = "REMOTE FATAL: terminating connection due to administrator command";
            expect_shard_error(result, "57P01", function, database, &[text])
        }
        false => expect_lost(result, function, database),
    }
}

/// The result is the error of a connection that was lost after the request was sent.
pub fn expect_lost<T: Debug>(result: Result<T, Error>, function: &str, database: &str) -> Box<DbError> {
    let texts = ["server closed the connection unexpectedly", "whether it has run is unknown"];
    expect_shard_error(result, AFTER_SENDING, function, database, &texts)
}

/// SQLSTATE of a connection that was lost after the request was sent.
pub const AFTER_SENDING: &str = "08007";

/// The result is PostgreSQL's own error about a call that somebody has cancelled.
pub fn expect_cancelled<T: Debug>(result: Result<T, Error>) -> Box<DbError> {
    let error = expect_error(result, "57014", &["canceling statement due to user request"]);
    assert!(!error.message().contains("REMOTE"), "it was cancelled here, not only on a shard: {error:?}");
    error
}

/// The result is PostgreSQL's own error about a call that took longer than `statement_timeout`.
pub fn expect_statement_timeout<T: Debug>(result: Result<T, Error>) -> Box<DbError> {
    let error = expect_error(result, "57014", &["canceling statement due to statement timeout"]);
    assert!(!error.message().contains("REMOTE"), "it timed out here, not on a shard: {error:?}");
    error
}

/// That took no longer than the fault matrix allows, which is `bound`: tenfold, and a second more, because the machines that
/// this runs on are slow and do other things as well.
pub fn expect_within(started: Instant, bound: Duration) {
    let taken = started.elapsed();
    assert!(taken <= 10 * bound + Duration::from_secs(1), "{taken:?} where {bound:?} are allowed");
}

/// The result is an error with this SQLSTATE, and with these texts in its message or its detail.
pub fn expect_error<T: Debug>(result: Result<T, Error>, sqlstate: &str, texts: &[&str]) -> Box<DbError> {
    let error = result.expect_err("an error");
    let error = error.as_db_error().unwrap_or_else(|| panic!("not an error of the coordinator's: {error}"));
    expect_no_secret(error);
    let said = format!("{}\n{}", error.message(), error.detail().unwrap_or_default());
    for text in texts {
        assert!(said.contains(text), "no {text:?} in {error:?}");
    }
    assert_eq!(error.code().code(), sqlstate, "{error:?}");
    Box::new(error.clone())
}

/// No field of an error has a password in it.
pub fn expect_no_secret(error: &DbError) {
    let internal_query = match error.position() {
        Some(ErrorPosition::Internal { query, .. }) => Some(query.as_str()),
        _ => None,
    };
    for field in [Some(error.message()), error.detail(), error.hint(), error.where_(), internal_query] {
        assert!(!field.is_some_and(|text| text.contains(CANARY)), "a password is in {error:?}");
    }
}
