//! One address: its socket, who is behind it, the login, and whether it is the kind of server that is wanted.

use super::awaited::Awaited;
use super::guard::{AlreadyEncrypted, Guarded};
use super::questions::Unacceptable;
use super::search::{Failure, Next};
use super::server::{Encryption, Server, Unencrypted};
use super::{conversation, standing};
use crate::conninfo::{AuthMethod, ChannelBinding, Endpoint, Host, SslCertMode, TargetSessionAttrs};
use crate::pg::elog::SqlState;
use crate::pg::{encoding, peer};
use crate::pool::cancel::Canceller;
use crate::pool::connection::{self, io_breakdown, system_message};
use crate::pool::stream::Stream;
use crate::pool::tls::{ClientCertificate, Session};
use crate::reactor::{Purpose, Socket, is_out_of_descriptors};
use crate::wire::Malformed;
use std::error::Error;
use std::io;
use std::rc::Rc;
use tokio_postgres::config::{self, Config};
use tokio_postgres::error::DbError;

/// A session that has begun.
pub struct Opened {
    /// Its messages.
    pub stream: Stream,
    /// What it takes to cancel what it does.
    pub canceller: Canceller,
    /// The server's process ID, as it told us.
    pub process_id: Option<u32>,
}

/// What dblink says where the same rule is broken.
const PASSWORD_REQUIRED: &[u8; 5] = b"2F003";
const PROTOCOL_VIOLATION: &[u8; 5] = b"08P01";

/// SQLSTATEs that change what happens next (`errcodes.h`).
const INVALID_PASSWORD: &[u8; 5] = b"28P01";
const CANNOT_CONNECT_NOW: &[u8; 5] = b"57P03";

/// Connects to one address, logs in, and checks that the server is what is wanted.
pub async fn open(
    endpoint: &Endpoint,
    host: &Host,
    server: &Rc<Server>,
    encryption: Encryption,
    wanted: TargetSessionAttrs,
    awaited: &Awaited,
) -> Result<Opened, Failure> {
    let socket = server.connect(awaited, Purpose::Session).await.map_err(unreachable)?;
    if let Some(name) = endpoint.requirepeer.as_deref().filter(|_| host.address.is_local()) {
        require_peer(&socket, name)?;
    }
    let transport = server.encrypt(socket, encryption, None).await.map_err(unencrypted)?;
    let certificate = transport.tls().map(Session::certificate).cloned();
    let tls = transport.tls().map(|session| Rc::new(session.context()));
    let is_encrypted = tls.is_some();
    // Where the server had the choice and has no TLS, there is nothing else to try.
    let may_change = is_encrypted || encryption != Encryption::IfOffered;

    let guarded = Guarded::new(transport, endpoint.require_auth.clone());
    let login = guarded.login();
    let connected = startup(endpoint, host, is_encrypted).connect_raw(guarded, AlreadyEncrypted).await;
    let (_client, protocol) = connected.map_err(|error| {
        let questions = &login.borrow().questions;
        let Some(answer) = error.as_db_error() else {
            return Failure {
                sqlstate: sqlstate(&error),
                ..broken(breakdown(&error, questions.asked(), is_encrypted))
            };
        };
        let mut failure = refused(endpoint, host, answer);
        if failure.next == Next::End && may_change && !questions.has_let_in() {
            failure.next = Next::Encryption;
        }
        failure
    })?;
    if endpoint.tls.certificate_mode == SslCertMode::Require {
        require_certificate(certificate.as_ref())?;
    }
    let (process_id, key) = (login.borrow().questions.process_id(), login.borrow().questions.cancel_key());
    let session = login.borrow_mut().take_session();
    let (transport, received) = session.ok_or_else(|| broken(connection::breakdown(&Malformed.into())))?;
    let mut stream = Stream::new(transport, received);
    standing::check(wanted, |name| protocol.parameter(name), &mut stream).await?;
    // The startup message asks for UTF8, which a server may see otherwise, and which isn't what an SQL_ASCII database wants:
    // bytes of no known encoding can only pass between servers that don't look at them.
    let is_other = protocol.parameter("client_encoding").is_some_and(|name| !encoding::is_of_wire(name.as_bytes()));
    if is_other || encoding::database_is_sql_ascii() {
        let query = format!("SET client_encoding TO '{}'", encoding::of_wire());
        conversation::ask(&query, &mut stream).await?;
    }
    Ok(Opened { stream, canceller: Canceller { server: server.clone(), tls, key }, process_id })
}

/// Checks that a certificate of ours is what let us in, or at least was asked for.
fn require_certificate(certificate: Option<&ClientCertificate>) -> Result<(), Failure> {
    let reason = match certificate {
        Some(certificate) if certificate.request.was_made() && certificate.is_there => return Ok(()),
        Some(certificate) if certificate.request.was_made() => {
            "server accepted connection without a valid SSL certificate"
        }
        _ => "server did not request an SSL certificate",
    };
    Err(broken(reason.to_owned()))
}

/// Checks whom the server's process belongs to, before it learns anything from us.
fn require_peer(socket: &Socket, name: &str) -> Result<(), Failure> {
    let stranger = |reason| Err(broken(reason));
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
fn startup(endpoint: &Endpoint, host: &Host, is_encrypted: bool) -> Config {
    let mut config = Config::new();
    config.user(&endpoint.user).dbname(&endpoint.dbname);
    // TLS has been dealt with: with these it sends no request of its own, and takes the TLS that is there.
    config.ssl_mode(if is_encrypted { config::SslMode::Require } else { config::SslMode::Disable });
    config.ssl_negotiation(config::SslNegotiation::Direct);
    config.channel_binding(match endpoint.channel_binding {
        ChannelBinding::Disable => config::ChannelBinding::Disable,
        ChannelBinding::Prefer => config::ChannelBinding::Prefer,
        ChannelBinding::Require => config::ChannelBinding::Require,
    });
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
    let next = if is_out_of_descriptors(&error) { Next::NoDescriptor } else { Next::Address };
    Failure { reason: system_message(&error), sqlstate: None, next }
}

fn unencrypted(Unencrypted { reason, by_tls }: Unencrypted) -> Failure {
    let next = if by_tls { Next::Encryption } else { Next::End };
    Failure { reason, sqlstate: None, next }
}

/// An end of the attempt that isn't the server's word.
fn broken(reason: String) -> Failure {
    Failure { reason, sqlstate: None, next: Next::End }
}

/// Why a server wouldn't have us, and what that says about the other hosts.
fn refused(endpoint: &Endpoint, host: &Host, answer: &DbError) -> Failure {
    let mut reason = answer_text(answer.severity(), answer.message(), answer.detail(), answer.hint());
    let sqlstate = SqlState::from_wire(answer.code().code().as_bytes()).0;
    let mut next = Next::End;
    match &sqlstate {
        CANNOT_CONNECT_NOW => next = Next::Host,
        INVALID_PASSWORD => {
            // Whoever reads this may not know that there is such a file.
            if let (None, Some(_), Some(file)) = (&endpoint.password, &host.password, &endpoint.passfile) {
                reason.push_str(&format!("\npassword retrieved from file \"{}\"", file.display()));
            }
        }
        _ => {}
    }
    Failure { reason, sqlstate: Some(sqlstate), next }
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

/// What ended the conversation, if the server didn't say; it had asked for `asked`.
fn breakdown(error: &tokio_postgres::Error, asked: Option<AuthMethod>, is_encrypted: bool) -> String {
    match (unacceptable(error), io_error(error)) {
        (Some(unacceptable), _) => unacceptable.to_string(),
        (None, Some(error)) => io_breakdown(error),
        (None, None) if error.is_closed() => io_breakdown(&io::ErrorKind::UnexpectedEof.into()),
        (None, None) => own_reason(error_chain(error), asked, is_encrypted),
    }
}

fn io_error(error: &tokio_postgres::Error) -> Option<&io::Error> {
    error.source()?.downcast_ref()
}

/// What the server said that it gets no answer to.
fn unacceptable(error: &tokio_postgres::Error) -> Option<&Unacceptable> {
    io_error(error)?.get_ref()?.downcast_ref()
}

/// The code of an error that isn't the server's word, if there is a better one than that there is no connection.
fn sqlstate(error: &tokio_postgres::Error) -> Option<[u8; 5]> {
    match unacceptable(error) {
        Some(Unacceptable::NoPassword) => Some(*PASSWORD_REQUIRED),
        Some(Unacceptable::Malformed | Unacceptable::InTransaction) => Some(*PROTOCOL_VIOLATION),
        Some(Unacceptable::Method(..) | Unacceptable::Iterations(_)) => None,
        // tokio-postgres has no kinds of errors for these.
        None => {
            let text = error.to_string();
            let is_violation = text.starts_with("unexpected message") || text.starts_with("error parsing response");
            is_violation.then_some(*PROTOCOL_VIOLATION)
        }
    }
}

/// libpq's words for what tokio-postgres refuses to do, which it has no kinds of errors for.
fn own_reason(text: String, asked: Option<AuthMethod>, is_encrypted: bool) -> String {
    let reason = if text.contains("password missing") {
        "fe_sendauth: no password supplied"
    } else if text.contains("server did not use channel binding") {
        match asked {
            None => "channel binding required, but server authenticated client without channel binding",
            Some(AuthMethod::ScramSha256) if !is_encrypted => "channel binding required, but SSL not in use",
            Some(AuthMethod::ScramSha256) => {
                "channel binding is required, but server did not offer an authentication method that supports channel \
                 binding"
            }
            Some(_) => "channel binding required but not supported by server's authentication request",
        }
    } else if text.contains("unsupported SASL mechanism") {
        "none of the server's SASL authentication mechanisms are supported"
    } else {
        match asked.filter(|_| text.contains("unsupported authentication method")) {
            Some(AuthMethod::Gss) => "GSSAPI authentication not supported",
            Some(AuthMethod::Sspi) => "SSPI authentication not supported",
            _ => return text,
        }
    };
    reason.to_owned()
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
