//! The prepared statements of a connection.
//!
//! A statement's name is made of its text. So wherever two sessions mean different things, they call them by different
//! names: should a pooler let one meet the other's statement, it is the same query. And whoever is told that a name is
//! already taken knows by what.
//!
//! It also means that a statement can't be made anew behind a pooler that keeps track of them: to the pooler it is the one
//! that it has, however stale. So a query whose statement is stale again and again isn't prepared any more.

use std::collections::HashMap;
use std::rc::Rc;
use xxhash_rust::xxh3::xxh3_128;

/// How many statements a connection keeps. Each costs its server some ten kilobytes.
const LIMIT: usize = 256;

/// How often a query's statement may turn out to be stale.
const PATIENCE: u8 = 2;

/// What is prepared on the server.
#[derive(Debug, Default)]
pub struct Statements {
    known: HashMap<Rc<str>, Statement>,
    /// Counts the uses.
    clock: u64,
    /// Names of statements that are to be closed there.
    unwanted: Vec<String>,
    /// How often the statement of a query was stale.
    stale: HashMap<Rc<str>, u8>,
}

/// A prepared statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Its name.
    pub name: Rc<str>,
    /// Its columns, if they have been asked for.
    pub columns: Option<Rc<[RemoteColumn]>>,
    /// When it was last used.
    used: u64,
}

/// A column of a result, as a server describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteColumn {
    /// Its name, in the encoding of the connection.
    pub name: Vec<u8>,
    /// OID of its type there.
    pub type_oid: u32,
}

/// What a query's statement is called.
pub fn name_of(query: &str) -> String {
    format!("plproxy_{:032x}", xxh3_128(query.as_bytes()))
}

impl Statements {
    /// The statement for a query, if it is prepared.
    pub fn find(&mut self, query: &str) -> Option<Statement> {
        self.clock += 1;
        let statement = self.known.get_mut(query)?;
        statement.used = self.clock;
        Some(statement.clone())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// It is prepared now.
    pub fn add(&mut self, query: Rc<str>, name: Rc<str>, columns: Option<Rc<[RemoteColumn]>>) {
        self.clock += 1;
        self.known.insert(query, Statement { name, columns, used: self.clock });
    }

    /// Its columns have become known.
    pub fn describe(&mut self, query: &str, columns: Rc<[RemoteColumn]>) {
        if let Some(statement) = self.known.get_mut(query) {
            statement.columns = Some(columns);
        }
    }

    /// It isn't what it was, and has to be made anew. Returns whether it was known.
    pub fn forget(&mut self, query: &str) -> bool {
        let statement = self.known.remove(query);
        let was_known = statement.is_some();
        self.unwanted.extend(statement.map(|statement| statement.name.to_string()));
        was_known
    }

    /// It was stale: the server holds on to something that has changed since.
    pub fn was_stale(&mut self, query: Rc<str>) {
        if self.stale.len() < LIMIT {
            let times = self.stale.entry(query).or_default();
            *times = times.saturating_add(1);
        }
    }

    /// Whether there is hope that the query's statement, once made anew, isn't stale.
    pub fn may_be_fresh(&self, query: &str) -> bool {
        self.stale.is_empty() || self.stale.get(query).is_none_or(|&times| times < PATIENCE)
    }

    /// Makes room for one more, at the cost of the one that hasn't been used for the longest time. What is returned are
    /// the names of those to be closed on the server before the next one is prepared.
    pub fn make_room(&mut self) -> Vec<String> {
        if self.known.len() >= LIMIT
            && let Some(oldest) = self.known.iter().min_by_key(|(_, statement)| statement.used)
        {
            let oldest = oldest.0.clone();
            self.forget(&oldest);
        }
        std::mem::take(&mut self.unwanted)
    }
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, Statements, name_of};

    fn add(statements: &mut Statements, query: &str) {
        statements.add(query.into(), name_of(query).into(), None);
    }

    #[test]
    fn names_are_of_the_text() {
        assert_eq!(name_of("select 1"), name_of("select 1"));
        assert_ne!(name_of("select 1"), name_of("select 2"));
        assert_eq!(name_of("").len(), "plproxy_".len() + 32);
    }

    #[test]
    fn the_least_recently_used_goes() {
        let mut statements = Statements::default();
        for number in 0..LIMIT {
            assert!(statements.make_room().is_empty());
            add(&mut statements, &number.to_string());
        }
        assert!(statements.find("0").is_some());
        assert_eq!(statements.make_room(), [name_of("1")]);
        assert!(statements.find("1").is_none());
        assert!(statements.find("0").is_some());
    }

    #[test]
    fn hope_ends() {
        let mut statements = Statements::default();
        assert!(statements.may_be_fresh("select 1"));
        statements.was_stale("select 1".into());
        assert!(statements.may_be_fresh("select 1"));
        statements.was_stale("select 1".into());
        assert!(!statements.may_be_fresh("select 1"));
        assert!(statements.may_be_fresh("select 2"));
    }

    #[test]
    fn a_forgotten_one_is_closed() {
        let mut statements = Statements::default();
        add(&mut statements, "select 1");
        assert!(statements.forget("select 1"));
        assert!(!statements.forget("select 2"));
        assert!(statements.find("select 1").is_none());
        assert_eq!(statements.make_room(), [name_of("select 1")]);
        assert!(statements.make_room().is_empty());
    }
}
