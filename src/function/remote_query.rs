//! The query that runs on the shards.

use super::shape::Returns;
use crate::codec::ParameterCodec;
use crate::error::Problem;
use crate::parser::{self, Sql};
use crate::pg::type_io::quote_identifier;
use std::cell::RefCell;
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
    Select { text: Arc<str>, wrapped: RefCell<Option<Wrapped>> },
}

/// A query ready to be sent.
#[derive(Clone, Debug)]
pub struct Wrapped {
    /// Its text.
    pub text: Arc<str>,
    /// How many characters of it stand before the user's own text, on which a remote error's position is to be counted.
    pub lead: u32,
}

/// A column of the user's query, as a shard described it.
#[derive(Clone, Debug)]
pub struct RemoteColumn {
    /// Its name.
    pub name: String,
    /// OID of its type there; for a domain that of the base type.
    pub type_oid: u32,
}

impl RemoteColumn {
    /// The text that the type's own output function makes of the column, since that is what the local type is to read:
    /// the remote type may be another one, and the local one may not exist there. A cast to `text` is the same thing
    /// for less work, but for some built-in types (`true` instead of `t`, blanks cut off, a netmask added), and perhaps
    /// for those that aren't built in.
    fn as_text(&self, column: &str) -> String {
        use pgrx::pg_sys::{BOOLOID, BPCHAROID, CIDROID, FirstNormalObjectId, INETOID};
        let special = [BOOLOID, BPCHAROID, CIDROID, INETOID].iter().any(|oid| oid.to_u32() == self.type_oid);
        match special || self.type_oid >= FirstNormalObjectId {
            // IS DISTINCT FROM, because a row of NULLs IS NULL.
            true => format!("case when {column} is distinct from null then pg_catalog.format('%s', {column}) end"),
            false => format!("{column}::text"),
        }
    }
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
        let columns = match returns {
            Returns::Row(row) => row
                .columns
                .iter()
                .flatten()
                .map(|(name, codec)| format!("{} {}", quote_identifier(name), codec.type_sql()))
                .collect(),
            Returns::Scalar(..) => Vec::new(),
        };
        RemoteQuery::call(name, arguments, returns, &format!(" as ({})", columns.join(", ")))
    }

    /// `select … from name($1::T1, …)`, and what follows that.
    fn call(name: &str, arguments: &[ParameterCodec], returns: &Returns, tail: &str) -> RemoteQuery {
        let parameters: Vec<_> =
            arguments.iter().enumerate().map(|(i, argument)| format!("${}::{}", i + 1, argument.type_sql())).collect();
        let call = format!("{name}({}){tail}", parameters.join(","));
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
        RemoteQuery {
            parameters: sql.arguments(),
            form: Form::Select { text: text.into(), wrapped: RefCell::new(None) },
        }
    }

    /// The query as it can be sent. `Err` with the user's text if a shard has to be asked first what its columns are.
    pub fn ready(&self) -> Result<Wrapped, Arc<str>> {
        match &self.form {
            Form::Call(text) => Ok(Wrapped { text: text.clone(), lead: 0 }),
            Form::Select { text, wrapped } => wrapped.borrow().clone().ok_or_else(|| text.clone()),
        }
    }

    /// Forgets what the columns of the user's query were: a call failed, perhaps because they are others now.
    pub fn forget(&self) {
        if let Form::Select { wrapped, .. } = &self.form {
            wrapped.replace(None);
        }
    }

    /// Takes note of the columns of the user's query, and checks that they are what the function returns.
    pub fn described(&self, columns: &[RemoteColumn], returns: &Returns) -> Result<(), Problem> {
        let Form::Select { text, wrapped } = &self.form else {
            return Ok(());
        };
        let head = format!("select {} from (", fields(columns, returns)?.join(", "));
        // The query may end in a comment, which mustn't swallow what follows.
        let tail = match returns {
            Returns::Scalar(..) => "x(c)",
            Returns::Row(_) => "x",
        };
        let whole = format!("{head}{text}\n) {tail}");
        let lead = u32::try_from(head.chars().count()).unwrap_or(u32::MAX);
        wrapped.replace(Some(Wrapped { text: whole.into(), lead }));
        Ok(())
    }
}

/// The columns to ask for, in the order in which they are read: a lone one, whatever it is called, by the alias `c`, the
/// others by their names, so that they are found when the query's come to be in another order.
fn fields(columns: &[RemoteColumn], returns: &Returns) -> Result<Vec<String>, Problem> {
    let row = match (returns, columns) {
        (Returns::Scalar(..), [column]) => return Ok(vec![column.as_text("x.c")]),
        (Returns::Scalar(..), _) => return Err(Problem::NotSingleField),
        (Returns::Row(row), _) => row,
    };
    let wanted: Vec<_> = row.columns.iter().flatten().collect();
    if columns.len() < wanted.len() {
        return Err(Problem::TooFewFields);
    }
    if columns.len() > wanted.len() {
        return Err(Problem::TooManyFields);
    }
    // As many as are wanted, and all that are wanted: so no name is there twice.
    wanted
        .iter()
        .map(|(name, _)| {
            let found = columns.iter().find(|column| column.name == *name);
            let found = found.ok_or_else(|| Problem::NoSuchField(name.clone()))?;
            Ok(found.as_text(&format!("x.{}", quote_identifier(name))))
        })
        .collect()
}
