//! The query that runs on the shards.

use super::shape::{ReturnColumn, Returns};
use crate::codec::ParameterCodec;
use crate::parser::{self, Sql};
use crate::pg::guc::Settings;
use crate::pg::type_io::quote_identifier;
use crate::wire::Format;
use std::fmt::Write as _;
use std::rc::Rc;

/// A query for the shards.
#[derive(Debug)]
pub struct RemoteQuery {
    /// For `$1`, `$2`, … the index of the function's argument.
    pub parameters: Vec<usize>,
    /// Its text.
    pub text: Rc<str>,
    /// Whether it is the user's. What its columns are only a shard can tell; otherwise it asks for each column as we read
    /// it.
    pub is_users: bool,
    /// The settings that this session needs to write the arguments: if each has its best format, and if all are text.
    written_here: (Settings, Settings),
}

impl RemoteQuery {
    /// The query of a function that has this body.
    pub fn new(query: &parser::Query, own_name: &str, arguments: &[ParameterCodec], returns: &Returns) -> RemoteQuery {
        match query {
            parser::Query::Default => RemoteQuery::call(own_name, arguments, returns, ""),
            parser::Query::Target(name) => RemoteQuery::call(name, arguments, returns, ""),
            parser::Query::Select(sql) => RemoteQuery::select(sql, arguments),
        }
    }

    /// The query of a function that returns RECORD: the remote function has to be told the columns as well.
    pub fn for_record(
        query: &parser::Query,
        own_name: &str,
        arguments: &[ParameterCodec],
        returns: &Returns,
    ) -> RemoteQuery {
        let name = match query {
            parser::Query::Target(name) => name,
            // A SELECT has been refused when the function was compiled.
            parser::Query::Default | parser::Query::Select(_) => own_name,
        };
        let declared =
            |column: &ReturnColumn| format!("{} {}", quote_identifier(&column.name), column.codec.type_sql());
        let columns: Vec<_> = returns.columns.iter().map(declared).collect();
        RemoteQuery::call(name, arguments, returns, &format!(" as ({})", columns.join(", ")))
    }

    /// `select … from name($1::T1, …)`, and what follows that.
    fn call(name: &str, arguments: &[ParameterCodec], returns: &Returns, tail: &str) -> RemoteQuery {
        let parameters: Vec<_> =
            arguments.iter().enumerate().map(|(i, argument)| format!("${}::{}", i + 1, argument.type_sql())).collect();
        let call = format!("{name}({}){tail}", parameters.join(","));
        let columns: Vec<_> = returns
            .columns
            .iter()
            .map(|column| match returns.are_rows {
                true => format!("{}::{}", quote_identifier(&column.name), column.codec.type_sql()),
                false => format!("r::{}", column.codec.type_sql()),
            })
            .collect();
        let alias = if returns.are_rows { "" } else { " r" };
        let text = format!("select {} from {call}{alias}", columns.join(", "));
        RemoteQuery::of((0..arguments.len()).collect(), text, false, arguments)
    }

    /// The user's query with its references as `$k::TYPE`.
    fn select(sql: &Sql, arguments: &[ParameterCodec]) -> RemoteQuery {
        let text = sql.render(|out, number, argument| {
            let _ = write!(out, "${number}::{}", arguments[argument].type_sql());
        });
        RemoteQuery::of(sql.arguments(), text, true, arguments)
    }

    fn of(parameters: Vec<usize>, text: String, is_users: bool, arguments: &[ParameterCodec]) -> RemoteQuery {
        let (mut as_asked, mut as_text) = (Settings::NONE, Settings::NONE);
        for &parameter in &parameters {
            let codec = &arguments[parameter];
            let needed = codec.text_form.written_here();
            as_text = as_text.and(needed);
            if codec.format() == Format::Text {
                as_asked = as_asked.and(needed);
            }
        }
        RemoteQuery { parameters, text: text.into(), is_users, written_here: (as_asked, as_text) }
    }

    /// The settings that this session needs to write the arguments.
    pub fn written_here(&self, text_only: bool) -> Settings {
        if text_only { self.written_here.1 } else { self.written_here.0 }
    }
}
