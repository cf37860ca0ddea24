//! One address: its socket, who is behind it, the login, and whether it is the kind of server that is wanted.

use super::awaited::Awaited;
use super::guard::Guarded;
use super::questions::Unacceptable;
use super::search::{Failure, Next};
use super::{conversation, standing};
use crate::conninfo::{Endpoint, Host, TargetSessionAttrs};
use crate::pg::elog::SqlState;
use crate::pg::{encoding, peer};
use crate::pool::cancel::CancelKey;
use crate::pool::connection::{io_breakdown, system_message};
use crate::pool::stream::Stream;
use crate::reactor::Socket;
use socket2::{SockAddr, TcpKeepalive};
use std::error::Error;
use std::io;
use std::time::{Duration, Instant};
use tokio_postgres::{Config, NoTls};

/// A session that has begun.
pub struct Opened {
    /// Its messages.
    pub stream: Stream,
    /// What a cancel request must show.
    pub key_to_cancel: CancelKey,
    /// The server's process ID, as it told us.
    pub process_id: Option<u32>,
}

/// How long to wait before a socket whose queue is full is tried again: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// SQLSTATEs that change what happens next (`errcodes.h`).
const INVALID_PASSWORD: &[u8; 5] = b"28P01";
const CANNOT_CONNECT_NOW: &[u8; 5] = b"57P03";

/// Connects to one address, logs in, and checks that the server is what is wanted.
pub async fn open(
    endpoint: &Endpoint,
    host: &Host,
    address: &SockAddr,
    wanted: TargetSessionAttrs,
    awaited: &Awaited,
) -> Result<Opened, Failure> {
    let socket = connect(address, endpoint, awaited).await.map_err(unreachable)?;
    if let Some(name) = endpoint.requirepeer.as_deref().filter(|_| host.address.is_local()) {
        require_peer(&socket, name)?;
    }
    let guarded = Guarded::new(socket.clone(), endpoint.require_auth.clone());
    let login = guarded.login();
    let (client, protocol) =
        startup(endpoint, host).connect_raw(guarded, NoTls).await.map_err(|error| refused(endpoint, host, &error))?;
    let process_id = login.borrow().questions.process_id();
    let received = login.borrow_mut().session.take();
    let mut stream = Stream::new(socket, received.unwrap_or_default());
    standing::check(wanted, |name| protocol.parameter(name), &mut stream).await?;
    if encoding::database_is_sql_ascii() {
        // Bytes of no known encoding can only pass between servers that don't look at them.
        conversation::ask("SET client_encoding TO 'SQL_ASCII'", &mut stream).await?;
    }
    Ok(Opened { stream, key_to_cancel: CancelKey(client.cancel_token()), process_id })
}

/// A connected socket.
///
/// Linux doesn't let a non-blocking connect wait for room in the queue of a Unix-domain socket, which a blocking one
/// would do. There is no event for it either, so it is tried again from time to time.
async fn connect(address: &SockAddr, endpoint: &Endpoint, awaited: &Awaited) -> io::Result<Socket> {
    let (mut pause, longest) = PAUSES;
    let socket = loop {
        match Socket::connect(address) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && address.is_unix() => {
                awaited.until(Instant::now() + pause).await;
                pause = longest.min(pause * 2);
            }
            result => break result?,
        }
    };
    awaited.set_socket(Some(socket.clone()));
    if !address.is_unix() {
        set_tcp_options(&socket, endpoint)?;
    }
    socket.connected().await?;
    Ok(socket)
}

fn set_tcp_options(socket: &Socket, endpoint: &Endpoint) -> io::Result<()> {
    if let Some(keepalives) = &endpoint.keepalives {
        let mut keepalive = TcpKeepalive::new();
        if let Some(idle) = keepalives.idle {
            keepalive = keepalive.with_time(idle);
        }
        if let Some(interval) = keepalives.interval {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(count) = keepalives.count {
            keepalive = keepalive.with_retries(count);
        }
        socket.options().set_tcp_keepalive(&keepalive)?; // also switches them on
    }
    socket.options().set_tcp_user_timeout(endpoint.tcp_user_timeout)
}

/// Checks whom the server's process belongs to, before it learns anything from us.
fn require_peer(socket: &Socket, name: &str) -> Result<(), Failure> {
    let stranger = |reason| Err(Failure { reason, sqlstate: None, next: Next::End });
    let uid = match peer::user_id(socket.options()) {
        Ok(uid) => uid,
        Err(error) => return stranger(format!("could not get peer credentials: {}", system_message(&error))),
    };
    match peer::user_name(uid) {
        Ok(Some(actual)) if actual == name => Ok(()),
        Ok(Some(actual)) => {
            stranger(format!("requirepeer specifies \"{name}\", but actual peer user name is \"{actual}\""))
        }
        Ok(None) => stranger(format!("local user with ID {uid} does not exist")),
        Err(error) => stranger(format!("could not look up local user ID {uid}: {}", system_message(&error))),
    }
}

/// What the startup message and the authentication need.
fn startup(endpoint: &Endpoint, host: &Host) -> Config {
    let mut config = Config::new();
    config.user(&endpoint.user).dbname(&endpoint.dbname).ssl_mode(tokio_postgres::config::SslMode::Disable);
    if let Some(password) = endpoint.password_for(host) {
        config.password(password.reveal());
    }
    if let Some(options) = endpoint.startup_options() {
        config.options(options);
    }
    if let Some(name) = &endpoint.application_name {
        config.application_name(name);
    }
    config
}

fn unreachable(error: io::Error) -> Failure {
    Failure { reason: system_message(&error), sqlstate: None, next: Next::Address }
}

/// Why a server wouldn't have us, and what that says about the other hosts.
fn refused(endpoint: &Endpoint, host: &Host, error: &tokio_postgres::Error) -> Failure {
    let mut failure = refusal(error);
    match failure.sqlstate.as_ref() {
        Some(CANNOT_CONNECT_NOW) => failure.next = Next::Host,
        Some(INVALID_PASSWORD) => {
            // Whoever reads this may not know that there is such a file.
            if let (None, Some(_), Some(file)) = (&endpoint.password, &host.password, &endpoint.passfile) {
                failure.reason.push_str(&format!("\npassword retrieved from file \"{}\"", file.display()));
            }
        }
        _ => {}
    }
    failure
}

/// An error of a session that has only begun, in libpq's words.
fn refusal(error: &tokio_postgres::Error) -> Failure {
    let (reason, sqlstate) = match error.as_db_error() {
        Some(answer) => {
            let text = answer_text(answer.severity(), answer.message(), answer.detail(), answer.hint());
            (text, Some(SqlState::from_wire(answer.code().code().as_bytes()).0))
        }
        None => (breakdown(error), matches!(unacceptable(error), Some(Unacceptable::NoPassword)).then_some(*b"2F003")),
    };
    Failure { reason, sqlstate, next: Next::End }
}

/// What a server says when it refuses something, as libpq shows it.
pub fn answer_text(severity: &str, message: &str, detail: Option<&str>, hint: Option<&str>) -> String {
    let mut text = format!("{severity}:  {message}");
    for (label, field) in [("DETAIL", detail), ("HINT", hint)] {
        if let Some(field) = field {
            text.push_str(&format!("\n{label}:  {field}"));
        }
    }
    text
}

/// What ended the conversation, if the server didn't say.
fn breakdown(error: &tokio_postgres::Error) -> String {
    match (unacceptable(error), io_error(error)) {
        (Some(unacceptable), _) => unacceptable.to_string(),
        (None, Some(error)) => io_breakdown(error),
        (None, None) if error.is_closed() => io_breakdown(&io::ErrorKind::UnexpectedEof.into()),
        (None, None) => match error_chain(error) {
            // tokio-postgres has no kind of error for this one.
            text if text.contains("password missing") => "fe_sendauth: no password supplied".to_owned(),
            text => text,
        },
    }
}

fn io_error(error: &tokio_postgres::Error) -> Option<&io::Error> {
    error.source()?.downcast_ref()
}

/// What the server said that it gets no answer to.
fn unacceptable(error: &tokio_postgres::Error) -> Option<&Unacceptable> {
    io_error(error)?.get_ref()?.downcast_ref()
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
