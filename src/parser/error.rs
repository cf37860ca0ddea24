//! What can be wrong with a body, and the words for it. The words are interface: people search logs for them.

use std::fmt;

/// Why a body was refused. All there is to know is in how it is displayed: `Compile error at line 3: syntax error`,
/// without the `PL/Proxy function …: ` that a user sees before it, as the parser doesn't know the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The line the lexer had reached, counted from 1: where the error is noticed, not where its cause begins. None for
    /// what is wrong with an argument rather than with the text.
    line: Option<u32>,
    problem: Problem,
}

impl ParseError {
    pub(super) fn at(line: u32, problem: Problem) -> Self {
        ParseError { line: Some(line), problem }
    }

    pub(super) fn of_argument(problem: Problem) -> Self {
        ParseError { line: None, problem }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(out, "Compile error at line {line}: {}", self.problem),
            None => self.problem.fmt(out),
        }
    }
}

impl std::error::Error for ParseError {}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("syntax error")]
    Syntax,
    /// `text` cannot hold such a body; neither could a query made from it be sent.
    #[error("null character not permitted")]
    NullCharacter,
    /// The reference as written.
    #[error("invalid argument reference: {0}")]
    InvalidReference(String),
    /// The statement's keyword.
    #[error("Only one {0} statement allowed")]
    Repeated(&'static str),
    #[error("CLUSTER statement missing")]
    ClusterMissing,
    #[error("CONNECT cannot be used with CLUSTER/RUN")]
    ConnectWithClusterOrRun,
    #[error("TARGET cannot be used with SELECT")]
    TargetWithSelect,
    /// The reference as written.
    #[error("SPLIT parameter specified more than once: {0}")]
    SplitTwice(String),
    /// The reference as written.
    #[error("SPLIT parameter is not an array: {0}")]
    SplitNotArray(String),
}
