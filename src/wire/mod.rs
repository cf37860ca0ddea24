//! PostgreSQL's protocol after the login (version 3.0), the client's side: requests as bytes, bytes as messages. Pure.
//!
//! What it owns: the layout of messages. What it must not know: sockets, the life of statements, what values mean.
//!
//! A server isn't trusted: nothing that it sends makes this panic, or reserve memory for bytes that haven't arrived.
//! What doesn't follow the protocol is [`Malformed`], and the connection is of no more use.

mod inbox;
mod message;
mod outbox;
mod rows;

pub use inbox::{Inbox, LONGEST};
pub use message::{Fields, Message, Parameter, Place, Report, Transaction};
pub use outbox::{Arguments, Outbox};
pub use rows::Rows;

/// How a value is represented; the numbers are the protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The type's text form, in the encoding of the connection.
    Text = 0,
    /// The type's own binary form.
    Binary = 1,
}

/// A server has sent something that isn't the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server sent an invalid message")]
pub struct Malformed;

/// Why no more can be taken of what a server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It isn't the protocol.
    Malformed,
    /// The next message has so many bytes, which is more than is allowed.
    TooLong(usize),
    /// The next message has so many bytes, for which there is no memory.
    NoMemory(usize),
}

impl From<Malformed> for Unreadable {
    fn from(_: Malformed) -> Unreadable {
        Unreadable::Malformed
    }
}
