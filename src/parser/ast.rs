//! What a body asks for. Bodies that the language forbids have no value here: a missing or doubled statement, `CONNECT`
//! beside `CLUSTER` or `RUN ON`, `TARGET` beside `SELECT`.

use std::collections::BTreeSet;

/// A whole function body. `Display` writes it in a canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    pub destination: Destination,
    /// The arguments to cut into per-partition arrays, by index. Empty is no `SPLIT`, or a `SPLIT ALL` that found no
    /// array: both mean an ordinary call.
    pub split: BTreeSet<usize>,
    pub query: Query,
}

/// Where the query runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// On exactly one database. A `SPLIT` is allowed with it, and sends every element there.
    Connect(ConnectString),
    Cluster {
        name: ClusterName,
        run_on: RunOn,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectString {
    Literal(String),
    Computed(Expression),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterName {
    Literal(String),
    Call(Sql),
}

/// Which partitions of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOn {
    Any,
    All,
    /// This one; whether the cluster has it, only a call can tell.
    Partition(u32),
    /// Those that the hash values select.
    Hash(Expression),
}

/// A value to be computed locally, at each call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// From the called function's name on, to be selected *from*: it may give several rows.
    Call(Sql),
    /// The value of this argument, by index.
    Argument(usize),
    /// A bare name that is no argument's, to be selected: PostgreSQL knows it (`current_user`), or will complain of it.
    Name(String),
}

/// What runs there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// The call of the function's namesake.
    Default,
    /// The call of this function, its name as written.
    Target(String),
    /// From the word `select` on.
    Select(Sql),
}

/// SQL text with argument references in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sql {
    parts: Vec<Part>,
}

/// A piece of SQL text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Tokens, verbatim. Two texts never adjoin.
    Text(String),
    /// The one space that stands for a run of white space or for a comment. Kept apart from the text because spaces in
    /// a quoted string or around the dot of a name are another matter: printing must not confuse them.
    Space,
    /// A reference to the argument of this index.
    Argument(usize),
}

impl Sql {
    pub(super) fn new(head: &str) -> Self {
        Sql { parts: vec![Part::Text(head.to_owned())] }
    }

    pub(super) fn push_text(&mut self, text: &str) {
        match self.parts.last_mut() {
            Some(Part::Text(last)) => last.push_str(text),
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    pub(super) fn push_space(&mut self) {
        self.parts.push(Part::Space);
    }

    pub(super) fn push_argument(&mut self, index: usize) {
        self.parts.push(Part::Argument(index));
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The distinct arguments referred to, in order of first use: the values to pass for `$1`, `$2`, … of
    /// [`Sql::render`].
    pub fn arguments(&self) -> Vec<usize> {
        let mut arguments = Vec::new();
        for part in &self.parts {
            if let Part::Argument(index) = part
                && !arguments.contains(index)
            {
                arguments.push(*index);
            }
        }
        arguments
    }

    /// The text to execute.
    ///
    /// For each reference `parameter(out, k, index)` is called to append its spelling: `k` is the reference's number
    /// among [`Sql::arguments`], from 1, and `index` the argument it stands for.
    pub fn render(&self, mut parameter: impl FnMut(&mut String, usize, usize)) -> String {
        let arguments = self.arguments();
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Space => out.push(' '),
                Part::Argument(index) => {
                    let earlier = arguments.iter().take_while(|other| *other != index);
                    parameter(&mut out, earlier.count() + 1, *index);
                }
            }
        }
        out
    }
}
