//! The canonical spelling of a body: one statement a line, keywords in capitals, arguments as `$n`, a cluster's `RUN ON`
//! always there.
//!
//! Invariant: parsed in the scope of the original, what is printed gives the same body.

use std::fmt::{Display, Formatter, Result};

use super::ast::{Body, ClusterName, ConnectString, Destination, Expression, Part, Query, RunOn, Sql};

impl Display for Body {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        writeln!(out, "{}", self.destination)?;
        if let Some(split) = split(self) {
            writeln!(out, "{split}")?;
        }
        match &self.query {
            Query::Default => Ok(()),
            Query::Target(name) => writeln!(out, "TARGET {name};"),
            Query::Select(sql) => writeln!(out, "{sql};"),
        }
    }
}

/// What a body says of where it runs, on one line.
pub struct Where<'b>(pub &'b Body);

impl Display for Where<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match &self.0.destination {
            Destination::Cluster { name, run_on } => write!(out, "CLUSTER {name}; RUN ON {run_on};")?,
            connect => connect.fmt(out)?,
        }
        split(self.0).map_or(Ok(()), |split| write!(out, " {split}"))
    }
}

fn split(body: &Body) -> Option<String> {
    let arguments: Vec<String> = body.split.iter().map(|index| position(*index)).collect();
    (!arguments.is_empty()).then(|| format!("SPLIT {};", arguments.join(", ")))
}

impl Display for Destination {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Destination::Connect(connect) => write!(out, "CONNECT {connect};"),
            Destination::Cluster { name, run_on } => write!(out, "CLUSTER {name};\nRUN ON {run_on};"),
        }
    }
}

impl Display for ConnectString {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            ConnectString::Literal(text) => out.write_str(&literal(text)),
            ConnectString::Computed(expression) => expression.fmt(out),
        }
    }
}

impl Display for ClusterName {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            ClusterName::Literal(name) => out.write_str(&literal(name)),
            ClusterName::Call(sql) => sql.fmt(out),
        }
    }
}

impl Display for RunOn {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            RunOn::Any => out.write_str("ANY"),
            RunOn::All => out.write_str("ALL"),
            RunOn::Partition(number) => number.fmt(out),
            RunOn::Hash(expression) => expression.fmt(out),
        }
    }
}

impl Display for Expression {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        match self {
            Expression::Call(sql) => sql.fmt(out),
            Expression::Argument(index) => out.write_str(&position(*index)),
            Expression::Name(name) => out.write_str(name),
        }
    }
}

/// A space is written as a comment where a plain one would read differently: after another space, which it would join,
/// and beside a dot, which would make one name of what was not.
impl Display for Sql {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        let mut previous: Option<&Part> = None;
        let mut parts = self.parts().iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Text(text) => out.write_str(text)?,
                Part::Argument(index) => out.write_str(&position(*index))?,
                Part::Space => {
                    let joins = match previous {
                        Some(Part::Space) => true,
                        Some(Part::Text(text)) => text.ends_with('.'),
                        Some(Part::Argument(_)) | None => false,
                    };
                    let joined = matches!(parts.peek(), Some(Part::Text(text)) if text.starts_with('.'));
                    out.write_str(if joins || joined { "/**/" } else { " " })?;
                }
            }
            previous = Some(part);
        }
        Ok(())
    }
}

fn position(index: usize) -> String {
    format!("${}", index + 1)
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
