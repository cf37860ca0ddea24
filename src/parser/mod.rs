//! The `plproxy` language: from the text of a function's body to what the function asks for.
//!
//! This module owns the grammar, the resolution of argument references, the texts of compile errors, and a canonical
//! spelling of a body (`Display`). It must not know PostgreSQL: no types, catalogs, clusters or connections, no
//! `unsafe`. What it needs of a function is its [`Scope`].
//!
//! Two languages meet in a body. *Statements* (`CLUSTER`, `RUN ON`, …) are read token by token; *SQL text* (from a
//! call's name, or from `SELECT`, to the next `;`) is carried over with only white space, comments and argument
//! references touched. `lexer` has a method for each, and `grammar` knows which of the two comes next.
//!
//! Invariants, on which callers may rely:
//! - parsing neither panics nor depends on anything but its arguments;
//! - every argument index in a [`Body`] is a zero-based index into [`Scope::arguments`];
//! - a body printed and parsed again, in the same scope, is equal;
//! - SQL text is, byte for byte, what the C PL/Proxy sends, since error positions and monitoring refer to it.

mod ast;
mod error;
mod grammar;
mod lexer;
mod print;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use self::ast::{Body, ClusterName, ConnectString, Destination, Expression, Query, RunOn, Sql};
pub use self::error::ParseError;
pub use self::grammar::parse;
pub use self::print::Where;

/// An argument that a body can refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument<'a> {
    /// The name in `pg_proc`; an argument without one is only reached as `$n`.
    pub name: Option<&'a str>,
    /// Whether `SPLIT` can cut it.
    pub is_array: bool,
}

/// What a body is read against.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The IN and INOUT arguments, in order: the first one is `$1`.
    pub arguments: &'a [Argument<'a>],
    /// The setting of that name. When off, a backslash escapes in `'…'` too, as far as SQL text is concerned.
    pub standard_conforming_strings: bool,
}

impl Scope<'_> {
    /// The argument called `name`: case matters as little as for an unquoted identifier, the first match wins.
    fn by_name(&self, name: &str) -> Option<usize> {
        self.arguments.iter().position(|argument| argument.name.is_some_and(|own| own.eq_ignore_ascii_case(name)))
    }

    /// The argument that `reference`, a `$` and decimal digits, stands for. A number too large for the machine is out
    /// of range like any other.
    fn by_position(&self, reference: &str) -> Option<usize> {
        let number: usize = reference.strip_prefix('$')?.parse().ok()?;
        number.checked_sub(1).filter(|&index| index < self.arguments.len())
    }
}
