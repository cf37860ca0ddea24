//! From tokens to a [`Body`].
//!
//! A statement is checked as it is read, combinations of statements at the end of the body. The order of checks decides
//! which of several errors a user sees, and on which line, so it is that of the C PL/Proxy: an argument reference where
//! it stands, a repeated statement at its `;`, but a repeated `SELECT` at the word.

use std::collections::BTreeSet;
use std::mem;

use super::Scope;
use super::ast::{Body, ClusterName, ConnectString, Destination, Expression, Query, RunOn, Sql};
use super::error::{ParseError, Problem};
use super::lexer::{Lexer, SqlToken, Token, line_after};

/// Reads a function body.
///
/// The error is the first one that reading from the beginning meets; contradictions between statements come last.
pub fn parse(body: &str, scope: &Scope<'_>) -> Result<Body, ParseError> {
    if let Some((before, _)) = body.split_once('\0') {
        return Err(ParseError::at(line_after(before), Problem::NullCharacter));
    }
    let mut parser = Parser {
        lexer: Lexer::new(body, scope.standard_conforming_strings),
        scope,
        connect: None,
        cluster: None,
        run_on: None,
        split: BTreeSet::new(),
        split_seen: false,
        target: None,
        select: None,
    };
    loop {
        match parser.lexer.token() {
            Token::Connect => parser.connect()?,
            Token::Cluster => parser.cluster()?,
            Token::Run => parser.run_on()?,
            Token::Split => parser.split()?,
            Token::Target => parser.target()?,
            Token::Select(word) => parser.select(word)?,
            Token::End => return parser.finish(),
            _ => return Err(parser.syntax_error()),
        }
    }
}

/// The statements read so far.
struct Parser<'a> {
    lexer: Lexer<'a>,
    scope: &'a Scope<'a>,
    connect: Option<ConnectString>,
    cluster: Option<ClusterName>,
    run_on: Option<RunOn>,
    /// Grows while a `SPLIT` is read: an argument named in two of them is a worse offence than the second `SPLIT`.
    split: BTreeSet<usize>,
    split_seen: bool,
    target: Option<String>,
    select: Option<Sql>,
}

impl<'a> Parser<'a> {
    fn connect(&mut self) -> Result<(), ParseError> {
        let connect = match self.lexer.token() {
            Token::Literal(text) => self.ended(ConnectString::Literal(text))?,
            other => ConnectString::Computed(self.expression(other)?),
        };
        let repeated = self.connect.replace(connect).is_some();
        self.only_one("CONNECT", repeated)
    }

    fn cluster(&mut self) -> Result<(), ParseError> {
        let cluster = match self.lexer.token() {
            Token::Literal(name) => self.ended(ClusterName::Literal(name))?,
            Token::Call(head) => ClusterName::Call(self.sql(head)?),
            _ => return Err(self.syntax_error()),
        };
        let repeated = self.cluster.replace(cluster).is_some();
        self.only_one("CLUSTER", repeated)
    }

    fn run_on(&mut self) -> Result<(), ParseError> {
        if self.lexer.token() != Token::On {
            return Err(self.syntax_error());
        }
        let run_on = match self.lexer.token() {
            Token::Any => self.ended(RunOn::Any)?,
            Token::All => self.ended(RunOn::All)?,
            // A number beyond u32 is beyond every cluster too: the largest one meets the same refusal at the call.
            Token::Number(digits) => self.ended(RunOn::Partition(digits.parse().unwrap_or(u32::MAX)))?,
            other => RunOn::Hash(self.expression(other)?),
        };
        let repeated = self.run_on.replace(run_on).is_some();
        self.only_one("RUN", repeated)
    }

    fn split(&mut self) -> Result<(), ParseError> {
        match self.lexer.token() {
            Token::All => {
                let arguments = self.scope.arguments.iter().enumerate();
                let arrays = arguments.filter(|(_, argument)| argument.is_array);
                self.split.extend(arrays.map(|(index, _)| index));
                self.ended(())?;
            }
            first => {
                self.split_argument(first)?;
                loop {
                    match self.lexer.token() {
                        Token::Symbol(',') => {}
                        Token::Symbol(';') => break,
                        _ => return Err(self.syntax_error()),
                    }
                    let next = self.lexer.token();
                    self.split_argument(next)?;
                }
            }
        }
        let repeated = mem::replace(&mut self.split_seen, true);
        self.only_one("SPLIT", repeated)
    }

    fn split_argument(&mut self, token: Token<'a>) -> Result<(), ParseError> {
        let (written, found) = match token {
            Token::Name(name) => (name, self.scope.by_name(name)),
            Token::Position(position) => (position, self.scope.by_position(position)),
            _ => return Err(self.syntax_error()),
        };
        let Some(index) = found else {
            return Err(self.invalid_reference(written));
        };
        let problem = if self.split.contains(&index) {
            Problem::SplitTwice(written.to_owned())
        } else if !self.scope.arguments[index].is_array {
            Problem::SplitNotArray(written.to_owned())
        } else {
            self.split.insert(index);
            return Ok(());
        };
        Err(ParseError::of_argument(problem))
    }

    /// A name only: the C PL/Proxy takes `TARGET $1` too, and then sends a query that cannot be parsed.
    fn target(&mut self) -> Result<(), ParseError> {
        let target = match self.lexer.token() {
            Token::Name(name) => self.ended(name.to_owned())?,
            _ => return Err(self.syntax_error()),
        };
        let repeated = self.target.replace(target).is_some();
        self.only_one("TARGET", repeated)
    }

    fn select(&mut self, word: &str) -> Result<(), ParseError> {
        self.only_one("SELECT", self.select.is_some())?;
        self.select = Some(self.sql(word)?);
        Ok(())
    }

    /// The expression that begins with `token`, and the statement's `;`.
    fn expression(&mut self, token: Token<'a>) -> Result<Expression, ParseError> {
        match token {
            Token::Call(head) => Ok(Expression::Call(self.sql(head)?)),
            Token::Name(name) => self.ended(match self.scope.by_name(name) {
                Some(index) => Expression::Argument(index),
                None => Expression::Name(name.to_owned()),
            }),
            Token::Position(position) => {
                let index = self.position(position)?;
                self.ended(Expression::Argument(index))
            }
            _ => Err(self.syntax_error()),
        }
    }

    /// The SQL text after `head`, and the statement's `;`. Something must stand between: `SELECT;` is an error, though
    /// `SELECT ;` is PostgreSQL's to judge.
    fn sql(&mut self, head: &str) -> Result<Sql, ParseError> {
        let mut sql = Sql::new(head);
        let mut is_empty = true;
        loop {
            match self.lexer.sql_token() {
                SqlToken::Text(text) => sql.push_text(text),
                SqlToken::Space => sql.push_space(),
                SqlToken::Name(name) => match self.scope.by_name(name) {
                    Some(index) => sql.push_argument(index),
                    None => sql.push_text(name),
                },
                SqlToken::Position(position) => sql.push_argument(self.position(position)?),
                SqlToken::Semicolon if !is_empty => return Ok(sql),
                SqlToken::Semicolon | SqlToken::Invalid => return Err(self.syntax_error()),
            }
            is_empty = false;
        }
    }

    fn only_one(&self, keyword: &'static str, repeated: bool) -> Result<(), ParseError> {
        match repeated {
            true => Err(self.error(Problem::Repeated(keyword))),
            false => Ok(()),
        }
    }

    /// Passes `value` on when the statement's `;` comes next.
    fn ended<T>(&mut self, value: T) -> Result<T, ParseError> {
        match self.lexer.token() {
            Token::Symbol(';') => Ok(value),
            _ => Err(self.syntax_error()),
        }
    }

    fn position(&self, position: &str) -> Result<usize, ParseError> {
        self.scope.by_position(position).ok_or_else(|| self.invalid_reference(position))
    }

    /// What is left to check when the body has been read, with the last line for every error.
    fn finish(self) -> Result<Body, ParseError> {
        let last_line = self.lexer.line();
        let error = |problem| Err(ParseError::at(last_line, problem));
        let destination = match (self.connect, self.cluster, self.run_on) {
            (Some(connect), None, None) => Destination::Connect(connect),
            (Some(_), _, _) => return error(Problem::ConnectWithClusterOrRun),
            (None, None, _) => return error(Problem::ClusterMissing),
            (None, Some(name), run_on) => Destination::Cluster { name, run_on: run_on.unwrap_or(RunOn::Any) },
        };
        let query = match (self.target, self.select) {
            (None, None) => Query::Default,
            (Some(name), None) => Query::Target(name),
            (None, Some(sql)) => Query::Select(sql),
            (Some(_), Some(_)) => return error(Problem::TargetWithSelect),
        };
        Ok(Body { destination, split: self.split, query })
    }

    fn syntax_error(&self) -> ParseError {
        self.error(Problem::Syntax)
    }

    fn invalid_reference(&self, written: &str) -> ParseError {
        self.error(Problem::InvalidReference(written.to_owned()))
    }

    fn error(&self, problem: Problem) -> ParseError {
        ParseError::at(self.lexer.line(), problem)
    }
}
