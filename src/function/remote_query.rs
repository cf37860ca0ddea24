//! The query that runs on the shards.

use super::Returns;
use crate::codec::ParameterCodec;
use crate::error::Problem;
use crate::parser::{self, Sql};
use crate::pg::type_io::quote_identifier;
use std::cell::OnceCell;
use std::fmt::Write as _;
use std::sync::Arc;

/// A query for the shards.
#[derive(Debug)]
pub struct RemoteQuery {
    /// For `$1`, `$2`, … the index of the function's argument.
    pub parameters: Vec<usize>,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// A query of our own making, which asks for each column as we read it.
    Call(Arc<str>),
    /// The user's query. What its columns are only a shard can tell; once one has, the query is wrapped in one that
    /// asks for them as we read them.
    Select { text: Arc<str>, wrapped: OnceCell<Wrapped> },
}

/// A query ready to be sent.
#[derive(Clone, Debug)]
pub struct Wrapped {
    /// Its text.
    pub text: Arc<str>,
    /// How many characters of it stand before the user's own text, on which a remote error's position is to be counted.
    pub lead: u32,
}

impl RemoteQuery {
    /// The query of a function that has this body.
    pub fn new(query: &parser::Query, own_name: &str, arguments: &[ParameterCodec], returns: &Returns) -> RemoteQuery {
        match query {
            parser::Query::Default => RemoteQuery::call(own_name, arguments, returns),
            parser::Query::Target(name) => RemoteQuery::call(name, arguments, returns),
            parser::Query::Select(sql) => RemoteQuery::select(sql, arguments),
        }
    }

    /// `select … from name($1::T1, …)`.
    fn call(name: &str, arguments: &[ParameterCodec], returns: &Returns) -> RemoteQuery {
        let parameters: Vec<_> =
            arguments.iter().enumerate().map(|(i, argument)| format!("${}::{}", i + 1, argument.type_sql())).collect();
        let call = format!("{name}({})", parameters.join(","));
        let text = match returns {
            Returns::Scalar(codec, _) => format!("select r{} from {call} r", codec.cast()),
            Returns::Row(row) => {
                let columns: Vec<_> = row
                    .columns
                    .iter()
                    .flatten()
                    .map(|(name, codec)| format!("{}{}", quote_identifier(name), codec.cast()))
                    .collect();
                format!("select {} from {call}", columns.join(", "))
            }
        };
        RemoteQuery { parameters: (0..arguments.len()).collect(), form: Form::Call(text.into()) }
    }

    /// The user's query with its references as `$k::TYPE`.
    fn select(sql: &Sql, arguments: &[ParameterCodec]) -> RemoteQuery {
        let text = sql.render(|out, number, argument| {
            let _ = write!(out, "${number}::{}", arguments[argument].type_sql());
        });
        RemoteQuery { parameters: sql.arguments(), form: Form::Select { text: text.into(), wrapped: OnceCell::new() } }
    }

    /// The query as it can be sent. `Err` with the user's text if a shard has to be asked first what its columns are.
    pub fn ready(&self) -> Result<Wrapped, Arc<str>> {
        match &self.form {
            Form::Call(text) => Ok(Wrapped { text: text.clone(), lead: 0 }),
            Form::Select { text, wrapped } => wrapped.get().cloned().ok_or_else(|| text.clone()),
        }
    }

    /// Takes note of the columns of the user's query, and checks that they are what the function returns.
    pub fn described(&self, columns: &[String], returns: &Returns) -> Result<(), Problem> {
        let Form::Select { text, wrapped } = &self.form else {
            return Ok(());
        };
        let fields = fields(columns, returns)?;
        let aliases: Vec<_> = (1..=columns.len()).map(|number| format!("c{number}")).collect();
        let head = format!("select {} from (", fields.join(", "));
        // The query may end in a comment, which mustn't swallow what follows.
        let whole = format!("{head}{text}\n) x({})", aliases.join(", "));
        let lead = u32::try_from(head.chars().count()).unwrap_or(u32::MAX);
        let _ = wrapped.set(Wrapped { text: whole.into(), lead });
        Ok(())
    }
}

/// The columns to ask for, in the order in which they are read, each by the alias `c1`, `c2`, … of its place.
fn fields(columns: &[String], returns: &Returns) -> Result<Vec<String>, Problem> {
    let row = match returns {
        Returns::Scalar(codec, _) => {
            return match columns.len() {
                1 => Ok(vec![format!("x.c1{}", codec.cast())]),
                _ => Err(Problem::NotSingleField),
            };
        }
        Returns::Row(row) => row,
    };
    let wanted: Vec<_> = row.columns.iter().flatten().collect();
    if columns.len() < wanted.len() {
        return Err(Problem::TooFewFields);
    }
    if columns.len() > wanted.len() {
        return Err(Problem::TooManyFields);
    }
    wanted
        .iter()
        .enumerate()
        .map(|(place, (name, codec))| {
            // The column in the same place first, as names may be there twice.
            let found = match columns[place] == *name {
                true => Some(place),
                false => columns.iter().position(|column| column == name),
            };
            let found = found.ok_or_else(|| Problem::NoSuchField(name.clone()))?;
            Ok(format!("x.c{}{}", found + 1, codec.cast()))
        })
        .collect()
}
