//! One connection: everything that belongs to it, in one value.

use super::Key;
use super::cancel::Cancelling;
use super::opening::Protocol;
use crate::error::{Problem, RemoteError};
use crate::reactor::{Liveness, Socket, Wakeup, Watch};
use socket2::SockAddr;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio_postgres::error::{DbError, ErrorPosition, Severity};
use tokio_postgres::{AsyncMessage, Client};

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    key: Key,
    database: String,
    /// Requests go in here …
    client: Arc<Client>,
    /// … and out through this, which reads and writes the socket when it is polled.
    driver: Driver,
    socket: Socket,
    /// Where the server that we talk to listens, for cancel requests.
    address: SockAddr,
    opened: Instant,
    /// Which part of the configured lifetime is this connection's, so that those of a fan-out don't all end at once.
    share_of_lifetime: f64,
    /// The client's futures and the driver wake each other here.
    wakeup: Arc<Wakeup>,
    /// The wait set of this connection alone, kept from call to call.
    pub watch: Option<Watch>,
    /// Set before a step whose failure would leave the connection in an unknown state, cleared when it is known again.
    pub in_doubt: bool,
    /// It is to be closed after this call even if all goes well.
    pub is_for_once: bool,
}

/// tokio-postgres' half of a connection that does the I/O.
pub struct Driver(pub Protocol);

impl std::fmt::Debug for Driver {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Driver")
    }
}

/// What arrives outside of a query's answer.
pub enum Incoming {
    /// A notice or a warning.
    Notice(RemoteError),
    /// The connection is over.
    Lost(Problem),
}

impl Connection {
    /// Puts together what connecting has produced.
    pub(super) fn new(
        key: Key,
        database: String,
        address: SockAddr,
        socket: Socket,
        client: Client,
        driver: Protocol,
        wakeup: Arc<Wakeup>,
    ) -> Connection {
        Connection {
            key,
            database,
            client: Arc::new(client),
            driver: Driver(driver),
            socket,
            address,
            opened: Instant::now(),
            share_of_lifetime: 0.9 + 0.1 * fastrand::f64(),
            wakeup,
            watch: None,
            in_doubt: false,
            is_for_once: false,
        }
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// Name of the database, for messages.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// For sending requests. They are sent when the connection is polled.
    pub fn client(&self) -> Arc<Client> {
        self.client.clone()
    }

    /// For the reactor.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// For polling this connection's futures until they settle.
    pub fn wakeup(&self) -> Arc<Wakeup> {
        self.wakeup.clone()
    }

    /// When the connection is to be replaced if connections may live for `lifetime`.
    pub fn expires(&self, lifetime: Duration) -> Instant {
        self.opened + lifetime.mul_f64(self.share_of_lifetime)
    }

    /// Sends what is to be sent, and passes on what has been received to those who wait for it.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Incoming> {
        loop {
            return match self.driver.0.poll_message(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Some(Ok(AsyncMessage::Notice(notice)))) => {
                    Poll::Ready(Incoming::Notice(remote_error(&self.database, &notice)))
                }
                Poll::Ready(Some(Ok(_))) => continue, // NOTIFY: nobody here listens
                Poll::Ready(Some(Err(error))) => Poll::Ready(Incoming::Lost(self.failed(&error))),
                Poll::Ready(None) => Poll::Ready(Incoming::Lost(self.broken("connection closed"))),
            };
        }
    }

    /// Whether an idle connection can be used: a look at the socket shows whether the server has closed it. If bytes
    /// have arrived they go through the connection first; only messages that a server may send at any time can come of
    /// it.
    pub(super) fn is_alive(&mut self) -> bool {
        match self.socket.liveness() {
            Liveness::Quiet => true,
            Liveness::Dead => false,
            Liveness::Talking => {
                let wakeup = self.wakeup();
                let lost = wakeup.settle(|context| {
                    loop {
                        match self.poll(context) {
                            Poll::Ready(Incoming::Notice(notice)) => {
                                crate::report::debug(format!("plproxy: while idle: {notice}"));
                            }
                            Poll::Ready(Incoming::Lost(_)) => return Poll::Ready(()),
                            Poll::Pending => return Poll::Pending,
                        }
                    }
                });
                lost.is_pending()
            }
        }
    }

    /// A request to the server to cancel what it is doing for us.
    pub fn cancel(&self) -> Cancelling {
        Cancelling::new(self.address.clone(), self.client.cancel_token())
    }

    /// What an error of tokio-postgres' means for the caller.
    pub fn failed(&self, error: &tokio_postgres::Error) -> Problem {
        match error.as_db_error() {
            Some(answer) => Problem::Remote(Box::new(remote_error(&self.database, answer))),
            None => self.broken(breakdown(error)),
        }
    }

    fn broken(&self, reason: impl Into<String>) -> Problem {
        Problem::Broken { database: self.database.clone(), reason: reason.into() }
    }
}

/// The end of a conversation of which the server said nothing, in libpq's words.
pub(super) fn breakdown(error: &tokio_postgres::Error) -> String {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error.source().and_then(|source| source.downcast_ref::<io::Error>()) {
        None if error.is_closed() => CLOSED.to_owned(),
        None => error_chain(error),
        Some(error) if matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof) => {
            CLOSED.to_owned()
        }
        Some(error) => format!("could not receive data from server: {}", system_message(error)),
    }
}

const CLOSED: &str = "server closed the connection unexpectedly";

/// The system's message, without what Rust puts around it.
pub(super) fn system_message(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    text.split(" (os error ").next().unwrap_or(text).to_owned()
}

/// An error and its causes in one line, as tokio-postgres' own Display leaves the causes out.
fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Whether the session goes on after an error: then the server says so at the end of its answer, which is still to come.
pub fn goes_on(error: &tokio_postgres::Error) -> bool {
    let severity = error.as_db_error().and_then(DbError::parsed_severity);
    severity.is_some_and(|severity| !matches!(severity, Severity::Fatal | Severity::Panic))
}

/// A server's error or notice in our words.
pub(super) fn remote_error(database: &str, error: &DbError) -> RemoteError {
    let (position, internal_position, internal_query) = match error.position() {
        Some(ErrorPosition::Original(position)) => (Some(*position), None, None),
        Some(ErrorPosition::Internal { position, query }) => (None, Some(*position), Some(query.clone())),
        None => (None, None, None),
    };
    RemoteError {
        database: database.to_owned(),
        severity: error.severity().to_owned(),
        sqlstate: crate::pg::elog::SqlState::from_wire(error.code().code()).0,
        message: error.message().to_owned(),
        detail: error.detail().map(str::to_owned),
        hint: error.hint().map(str::to_owned),
        context: error.where_().map(str::to_owned),
        position,
        internal_position,
        internal_query,
    }
}
