//! One connection: everything that belongs to it, in one value.

use super::cancel::Canceller;
use super::idle::Slot;
use super::ledger::{Entry, Whereabouts};
use super::opening::Opened;
use super::statements::Statements;
use super::stream::{End, Stream, Traffic};
use super::tls::TlsError;
use super::{Key, Place};
use crate::error::{Problem, RemoteError};
use crate::pg::elog::SqlState;
use crate::pg::encoding;
use crate::reactor::{Liveness, Socket};
use crate::wire::{Malformed, Message, Outbox, Parameter, Report, Rows, Unreadable};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How much a server may have to say that nobody has asked for, in messages and in bytes. One that goes on and on would never be
/// ready for a query.
const SMALL_TALK: usize = 1000;
const SMALL_TALK_BYTES: u64 = 1024 * 1024;

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    entry: Rc<Entry>,
    database: Rc<str>,
    stream: Stream,
    canceller: Canceller,
    /// Which part of the configured lifetime is this connection's, so that those of a fan-out don't all end at once.
    share_of_lifetime: f64,
    /// Whether the process that we were told of when we logged in is the one that answers, so that what is prepared
    /// will still be there at the next call. It isn't behind a pooler. `None` until a server has been asked.
    pub is_direct: Option<bool>,
    /// Whether a query has been answered.
    pub has_answered: bool,
    /// What is prepared on the server.
    pub statements: Statements,
    /// Whether the server has said that it doesn't send, and read, text in the encoding that we do. Then the connection isn't
    /// used again.
    ///
    /// Other settings that a server reports are left to the functions there, which may rely on what they have set, as on
    /// temporary tables and `search_path`: as long as the session is kept, they are. What text depends on is seen to with
    /// each query that needs it.
    has_other_encoding: bool,
    /// Set before a step whose failure would leave the connection in an unknown state, cleared when it is known again.
    pub in_doubt: bool,
    _slot: Slot,
}

impl Connection {
    /// For a session that has been opened.
    pub(super) fn new(key: Key, whereabouts: Whereabouts, opened: Opened, slot: Slot) -> Connection {
        let Opened { stream, canceller, process_id } = opened;
        Connection {
            database: whereabouts.database.as_str().into(),
            entry: Entry::new(key, whereabouts, process_id),
            stream,
            canceller,
            share_of_lifetime: 0.9 + 0.1 * fastrand::f64(),
            is_direct: None,
            has_answered: false,
            statements: Statements::default(),
            has_other_encoding: false,
            in_doubt: false,
            _slot: slot,
        }
    }

    pub(super) fn key(&self) -> &Key {
        &self.entry.key
    }

    /// What can be told of it.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Name of the database, for messages.
    pub fn database(&self) -> &Rc<str> {
        &self.database
    }

    /// Where it goes.
    pub fn place(&self) -> Place {
        let whereabouts = &self.entry.whereabouts;
        let (host, database) = (whereabouts.host.clone(), whereabouts.database.clone());
        Place { host, port: Some(whereabouts.port), database }
    }

    /// Requests go in here. They are sent when the next message is looked for.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.stream.outbox
    }

    /// From now on a message that is received may have no more than so many bytes.
    pub fn set_longest_message(&mut self, bytes: usize) {
        self.stream.set_longest_message(bytes);
    }

    /// Whether all that was to be sent is on its way, so that the server may have it.
    pub fn has_sent_all(&self) -> bool {
        self.stream.has_sent_all()
    }

    /// How much has been received and sent since the login.
    pub fn traffic(&self) -> Traffic {
        self.stream.traffic()
    }

    /// The number of the message of which a part has been received; `None` if none has begun.
    pub fn unfinished_message(&self) -> Option<u64> {
        self.stream.unfinished_message()
    }

    /// For the reactor.
    pub fn socket(&self) -> &Socket {
        self.stream.socket()
    }

    /// When it is to be replaced, if connections may live so long.
    pub fn expires(&self, lifetime: Duration) -> Instant {
        self.entry.opened + lifetime.mul_f64(self.share_of_lifetime)
    }

    /// Sends what is to be sent, and takes the next message. `None` if the socket must be waited for first.
    pub fn receive(&mut self) -> Result<Option<Message<'_>>, Problem> {
        match self.stream.has_message() {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(end) => return Err(self.lost(end)),
        }
        match self.stream.take() {
            Ok(message) => {
                if let Some(Message::Parameter(Parameter { name: b"client_encoding", value })) = message {
                    self.has_other_encoding |= !encoding::is_of_wire(value);
                }
                Ok(message)
            }
            Err(end) => Err(lost(&self.database, end)),
        }
    }

    /// Whether the next user would find it as we found it.
    pub(super) fn is_reusable(&self) -> bool {
        !self.in_doubt && !self.has_other_encoding
    }

    /// Whether text that isn't ASCII alone means what it is taken for.
    pub fn check_encoding(&self) -> Result<(), Problem> {
        match self.has_other_encoding {
            true => Err(Problem::EncodingChanged { database: self.database.to_string() }),
            false => Ok(()),
        }
    }

    /// As [`Connection::receive`], but takes all rows that have been received by then. There are none if the next message
    /// is another one.
    pub fn receive_rows(&mut self) -> Result<Option<Rows<'_>>, Problem> {
        match self.stream.has_message() {
            Ok(true) => Ok(Some(self.stream.take_rows())),
            Ok(false) => Ok(None),
            Err(end) => Err(self.lost(end)),
        }
    }

    /// Whether an idle connection can be used. The server may have said goodbye, or something that doesn't matter.
    pub(super) fn is_alive(&mut self) -> bool {
        let liveness = self.socket().liveness();
        if liveness == Liveness::Quiet && self.stream.is_quiet() {
            return true;
        }
        liveness != Liveness::Dead && {
            let before = self.stream.traffic().received;
            for _ in 0..SMALL_TALK {
                let is_all = match self.receive() {
                    Ok(None) => true,
                    Ok(Some(Message::Parameter(_) | Message::Aside | Message::Notice(_))) => false,
                    Ok(Some(_)) | Err(_) => return false,
                };
                if self.stream.traffic().received - before > SMALL_TALK_BYTES {
                    return false;
                }
                if is_all {
                    return self.is_reusable();
                }
            }
            false
        }
    }

    /// To be called when a call gives it back, and it is to be kept.
    pub(super) fn tidy(&mut self) {
        self.stream.tidy();
        self.entry.returned(self.statements.count(), self.stream.traffic());
    }

    /// Ends the session in good order, if it is in order. To be called when the connection won't be dropped.
    pub(super) fn end(&mut self) {
        if !self.in_doubt {
            self.stream.end();
        }
    }

    /// What it takes to cancel what the server is doing for this connection.
    pub fn canceller(&self) -> &Canceller {
        &self.canceller
    }

    /// An end of the conversation of which the server said nothing.
    fn lost(&self, end: End) -> Problem {
        lost(&self.database, end)
    }

    /// The server has ended its answer, but not the transaction.
    pub fn not_committed(&self) -> Problem {
        Problem::NotCommitted { database: self.database.to_string() }
    }

    /// The server has said something that has no place in the conversation.
    pub fn confused(&self) -> Problem {
        self.lost(Malformed.into())
    }
}

impl Drop for Connection {
    // Safe during abort: one write, which doesn't wait.
    fn drop(&mut self) {
        self.end();
    }
}

fn lost(database: &str, end: End) -> Problem {
    let database = database.to_owned();
    match end {
        End::Unreadable(Unreadable::TooLong(length)) => Problem::MessageTooLong { database, length },
        End::Unreadable(Unreadable::NoMemory(length)) => Problem::MessageNoMemory { database, length },
        End::Unreadable(Unreadable::Malformed) => Problem::OutOfSync { database, is_outcome_unknown: false },
        end @ End::Lost(_) => Problem::Broken { database, reason: breakdown(&end), is_outcome_unknown: false },
    }
}

/// An end of a conversation of which the server said nothing, in libpq's words.
pub(super) fn breakdown(end: &End) -> String {
    match end {
        End::Lost(error) => io_breakdown(error),
        End::Unreadable(_) => "lost synchronization with server".to_owned(),
    }
}

/// A broken socket or TLS session, in libpq's words.
pub(super) fn io_breakdown(error: &io::Error) -> String {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    if let Some(TlsError(reason)) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return reason.clone();
    }
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => {
            "server closed the connection unexpectedly".to_owned()
        }
        _ => format!("could not receive data from server: {}", system_message(error)),
    }
}

/// The system's message, without what Rust puts around it.
pub(super) fn system_message(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    text.split(" (os error ").next().unwrap_or(text).to_owned()
}

/// Whether the session goes on after an error: then the server says that it is ready at the end of its answer.
pub fn goes_on(error: &Report<'_>) -> bool {
    // Since PostgreSQL 9.6 there is the word in English, too.
    let severity = error.field(b'V').or_else(|| error.field(b'S'));
    !matches!(severity, Some(b"FATAL" | b"PANIC"))
}

/// A server's error or notice in our words; of which database is for the caller to say.
pub fn remote_error(report: &Report<'_>) -> RemoteError {
    let text = |letter| report.field(letter).map(encoding::from_wire);
    let number = |letter| report.field(letter).and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
    RemoteError {
        database: String::new(),
        severity: text(b'S').unwrap_or_else(|| "ERROR".to_owned()),
        sqlstate: SqlState::from_wire(report.field(b'C').unwrap_or_default()).0,
        message: text(b'M').unwrap_or_default(),
        detail: text(b'D'),
        hint: text(b'H'),
        context: text(b'W'),
        position: number(b'P'),
        internal_position: number(b'p'),
        internal_query: text(b'q'),
    }
}
