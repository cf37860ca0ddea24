//! From this crate's errors, and from what shards say, to PostgreSQL's reports.
//!
//! What it owns: which field of an `ereport` gets what. What it must not know: how a report is raised (`pg::elog`), or
//! when (`handler` for errors, the executor for notices).

use crate::error::{Error, Problem, RemoteError};
use crate::pg::elog::{self, Level, Report, SqlState};
use crate::pg::{memory, session};
use crate::settings;
use crate::wire;

impl From<Error> for Report {
    /// Raises an ERROR if there is no memory for it: what a shard says may be long.
    fn from(error: Error) -> Report {
        let sqlstate = SqlState(error.problem().sqlstate(settings::precise_sqlstates()));
        let mut report = Report::new(sqlstate, memory::format(format_args!("{error}")));
        report.detail = error.problem().detail();
        report.hint = error.problem().hint();
        report.context = error.problem().context();
        if let Problem::Remote(remote) = error.problem() {
            add_remote_fields(&mut report, remote);
        }
        report
    }
}

fn add_remote_fields(report: &mut Report, remote: &RemoteError) {
    let labelled = |label, text: &Option<String>| {
        let text = text.as_ref()?;
        Some(memory::format(format_args!("Remote {label}: {text}")))
    };
    report.detail = labelled("detail", &remote.detail);
    report.hint = labelled("hint", &remote.hint);
    report.context = labelled("context", &remote.context);
    report.position = remote.position;
    report.internal_position = remote.internal_position;
    report.internal_query = remote.internal_query.as_ref().map(|query| memory::format(format_args!("{query}")));
}

/// Passes on what a shard said while a call of `function` (`schema.name(nargs)`) was running there: a NOTICE if its
/// SQLSTATE is of class 00, a WARNING otherwise, since the severity's word may be in any language.
pub fn remote_notice(function: &str, notice: &RemoteError) {
    let text = memory::format(format_args!("{function}: {notice}"));
    let mut report = Report::new(SqlState(notice.sqlstate), text);
    add_remote_fields(&mut report, notice);
    elog::emit(level_of(notice.sqlstate), &report);
}

/// Whether anybody gets to know of what a shard says. If not, nothing has to be made of it.
pub fn is_heard(notice: &wire::Report<'_>) -> bool {
    let sqlstate = SqlState::from_wire(notice.field(b'C').unwrap_or_default());
    elog::is_heard(level_of(sqlstate.0))
}

fn level_of(sqlstate: [u8; 5]) -> Level {
    if sqlstate.starts_with(b"00") { Level::Notice } else { Level::Warning }
}

/// A warning of our own.
pub fn warning(message: impl Into<String>) {
    elog::emit(Level::Warning, &Report::new(SqlState(*b"01000"), message));
}

/// A warning of our own with DETAIL and HINT.
pub fn explained_warning(message: String, detail: Option<String>, hint: String) {
    elog::emit(Level::Warning, &Report { detail, hint: Some(hint), ..Report::new(SqlState(*b"01000"), message) });
}

/// Warns of settings that are nearly called like one of ours, which is probably what is meant.
pub fn misspelt_settings() {
    if session::is_parallel_worker() {
        return; // whom it works for has been warned
    }
    for (name, meant) in settings::misspelt() {
        let message = format!("\"{name}\" is not a setting of plproxy");
        explained_warning(message, None, format!("Perhaps you meant \"{meant}\"."));
    }
}

/// A message for the server's log.
pub fn log(message: impl Into<String>) {
    elog::emit(Level::Log, &Report::new(SqlState(*b"00000"), message));
}

/// A message for developers.
pub fn debug(message: impl Into<String>) {
    elog::emit(Level::Debug1, &Report::new(SqlState(*b"00000"), message));
}
