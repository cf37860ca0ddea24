//! Connections of this backend to shards, kept for the session.
//!
//! What it owns: opening a connection ([`Opening`]), its whole state ([`Connection`]), who may use it next
//! ([`checkout`], [`Checkout`]), how many there may be ([`idle`]), what is prepared on it ([`statements`]), TLS
//! ([`tls`], [`transport`]), asking a server to cancel ([`cancel::Cancelling`]), and what there is to tell of each
//! ([`ledger`]). What it must not know: functions, partitions, what queries and rows mean.
//!
//! tokio-postgres does the login, over a transport of ours ([`transport`]). From the login on the session is ours
//! ([`stream`]): each of its messages would be several allocations there, and each row.
//!
//! A connection is owned, not shared. Whoever runs a query takes the whole of it out of the pool and gives it back by
//! dropping the [`Checkout`]. A call that is made while another one is under way (in an argument, in a hash function,
//! interleaved in one target list) simply takes out another connection. So nothing here is ever "busy".
//!
//! Invariants:
//! * A connection in the pool is idle: its last query's answer has been received to its end. One whose state is in doubt
//!   is closed instead ([`Connection::in_doubt`]), and so is one whose server is in a transaction, or speaks another encoding.
//! * A connection is only ever used for the connection string *and* the role that it was opened for.
//! * The pool isn't borrowed while anything else runs.

mod cancel;
mod connection;
mod idle;
mod ledger;
mod opening;
mod statements;
mod stream;
mod tls;
mod transport;

pub use cancel::{Canceller, Cancelling, Delivery};
pub use connection::{Connection, goes_on, remote_error};
pub use idle::{Found, checkout, close as close_idle, close_least_recent, sweep};
pub use ledger::{Entry, entries};
pub use opening::{Opening, Place};
pub use statements::{RemoteColumn, name_of};
pub use stream::Traffic;

use crate::conninfo::Secret;
use crate::error::Whose;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// What connections are interchangeable for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The connection string, as the configuration has it.
    pub connstr: Rc<str>,
    /// The role that the connection is for, by its OID: a name can come to be another role's.
    pub role_oid: u32,
    /// Its name.
    pub role: Rc<str>,
    /// Its user mapping, where there is one.
    pub login: Option<Rc<Login>>,
    /// Whether the string is that of a caller, or of a foreign server's owner, who isn't a superuser: he may use nothing of
    /// this server's to log in with.
    pub is_callers: bool,
}

impl Key {
    /// Whether logging in takes a password for which the server asks.
    fn requires_password(&self) -> bool {
        self.is_callers || self.login.as_ref().is_some_and(|login| login.password_required == Some(true))
    }

    /// Whose settings these are if they are refused.
    fn whose(&self) -> Whose {
        match (self.is_callers, &self.login) {
            (true, None) => Whose::Callers,
            (true, Some(_)) => Whose::ServerOwners,
            (false, _) => Whose::Mappings,
        }
    }
}

/// What a user mapping says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Login {
    user: Option<String>,
    password: Option<Secret>,
    /// Whether the server must have asked for the password; `None` if it doesn't say.
    pub password_required: Option<bool>,
}

impl Login {
    /// From the options of a user mapping, of which one has been read.
    pub fn from_options(options: Vec<(String, String)>, password_required: Option<bool>) -> Login {
        let mut login = Login { password_required, ..Login::default() };
        for (name, value) in options {
            match name.to_ascii_lowercase().as_str() {
                "user" => login.user = Some(value),
                "password" => login.password = Some(Secret::new(value)),
                _ => {}
            }
        }
        login
    }
}

/// A connection in use. Dropping it gives it back, or closes it if its state is in doubt.
#[derive(Debug)]
pub struct Checkout {
    /// Only `None` in `drop`.
    connection: Option<Box<Connection>>,
}

impl Checkout {
    fn new(connection: Box<Connection>) -> Checkout {
        Checkout { connection: Some(connection) }
    }
}

/// Closes the idle connections whose keys are unwanted, and has those closed that are in use when they come back. Returns
/// how many there are of both.
pub fn close(is_unwanted: impl Fn(&Key) -> bool) -> usize {
    idle::close(&is_unwanted) + ledger::give_notice(is_unwanted)
}

impl Deref for Checkout {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a checkout has its connection until it is dropped")
    }
}

impl DerefMut for Checkout {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a checkout has its connection until it is dropped")
    }
}

impl Drop for Checkout {
    // Safe during abort: moves Rust values about, or closes descriptors.
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take()
            && connection.is_reusable()
            && !connection.entry().is_unwanted()
        {
            connection.tidy();
            idle::put(connection);
        }
    }
}
