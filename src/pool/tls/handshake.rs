//! The handshake: from a socket to a session with a server that is the right one.

use super::certificate_name::{self, AlternativeName, Names};
use super::context::Context;
use super::session::{Channel, Session};
use super::{TlsError, forget_errors, reason};
use crate::conninfo::{SslMode, SslNegotiation, TlsSettings};
use crate::pool::connection::system_message;
use crate::reactor::Socket;
use openssl::nid::Nid;
use openssl::ssl::{Error, ErrorCode, Ssl, SslRef, SslStream};
use openssl::x509::{X509Ref, X509VerifyResult};
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::task::Poll;

/// What a server says, or OpenSSL of it, that speaks no version of TLS that we do.
const VERSION_TROUBLE: [&str; 11] = [
    "no protocols available",
    "unsupported protocol",
    "bad protocol version number",
    "unknown protocol",
    "unknown ssl version",
    "unsupported ssl version",
    "wrong ssl version",
    "wrong version number",
    "tlsv1 alert protocol version",
    "version too high",
    "version too low",
];

/// Shakes hands with the server on a connected socket, whose name as it was written is `server_name`. All that is sent
/// before the server's certificate has been accepted is what anybody may know.
pub async fn handshake(
    socket: Socket,
    settings: &TlsSettings,
    server_name: Option<&str>,
    Context { context, certificate }: Context,
) -> Result<Session, TlsError> {
    let unusable = |errors| TlsError::because("could not establish SSL connection", &errors);
    let mut ssl = Ssl::new(&context).map_err(unusable)?;
    if let Some(name) = server_name.filter(|name| settings.send_server_name && may_be_sent(name)) {
        let set = ssl.set_hostname(name);
        set.map_err(|errors| TlsError::because("could not set SSL Server Name Indication (SNI)", &errors))?;
    }
    let mut stream = SslStream::new(ssl, Channel::new(socket)).map_err(unusable)?;
    poll_fn(|_| {
        forget_errors();
        stream.get_mut().begin_turn();
        match stream.connect() {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) if matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE) => Poll::Pending,
            Err(error) => {
                let end = stream.get_mut().take_end();
                Poll::Ready(Err(failure(&error, end.as_ref(), stream.ssl(), settings)))
            }
        }
    })
    .await?;
    verify_protocol(stream.ssl(), settings)?;
    if settings.mode == SslMode::VerifyFull {
        verify_name(stream.ssl(), server_name)?;
    }
    Ok(Session::new(stream, certificate))
}

/// An address isn't a server name (RFC 6066).
fn may_be_sent(name: &str) -> bool {
    name.parse::<IpAddr>().is_err()
        && !name.contains([':', '\0'])
        && name.contains(|c: char| !matches!(c, '0'..='9' | '.'))
}

/// Without ALPN, a direct TLS connection could have been led to a server of another protocol.
fn verify_protocol(ssl: &SslRef, settings: &TlsSettings) -> Result<(), TlsError> {
    match ssl.selected_alpn_protocol() {
        Some(b"postgresql") => Ok(()),
        Some(_) => Err(TlsError("SSL connection was established with unexpected ALPN protocol".into())),
        None if settings.negotiation == SslNegotiation::Direct => {
            Err(TlsError("direct SSL connection was established without ALPN protocol negotiation extension".into()))
        }
        None => Ok(()),
    }
}

fn verify_name(ssl: &SslRef, server_name: Option<&str>) -> Result<(), TlsError> {
    let Some(host) = server_name else {
        return Err(TlsError("host name must be specified for a verified SSL connection".into()));
    };
    let Some(certificate) = ssl.peer_certificate() else {
        return Err(TlsError("certificate could not be obtained".into()));
    };
    certificate_name::verify(&names(&certificate), host).map_err(|mismatch| TlsError(mismatch.to_string()))
}

fn names(certificate: &X509Ref) -> Names {
    let alternative = certificate.subject_alt_names().into_iter().flatten().filter_map(|name| {
        let dns = name.dnsname().map(|name| AlternativeName::Dns(name.as_bytes().to_vec()));
        dns.or_else(|| name.ipaddress().map(|bytes| AlternativeName::Ip(bytes.to_vec())))
    });
    let common = certificate.subject_name().entries_by_nid(Nid::COMMONNAME).next();
    Names { alternative: alternative.collect(), common: common.map(|entry| entry.data().as_slice().to_vec()) }
}

/// Why there is no session (libpq, `open_client_SSL`), with the reason why a certificate wasn't accepted; `end` is what has
/// ended the socket, if that was it.
fn failure(error: &Error, end: Option<&io::Error>, ssl: &SslRef, settings: &TlsSettings) -> TlsError {
    let text = match (end.or(error.io_error()), error.ssl_error()) {
        (_, Some(errors)) if end.is_none() => format!("SSL error: {}", reason(errors)),
        (Some(error), _) if error.kind() != ErrorKind::UnexpectedEof => {
            format!("SSL SYSCALL error: {}", system_message(error))
        }
        _ => "SSL SYSCALL error: EOF detected".to_owned(),
    };
    TlsError(match ssl.verify_result() {
        X509VerifyResult::OK if VERSION_TROUBLE.iter().any(|trouble| text.ends_with(trouble)) => {
            let min = settings.min_version.map_or("TLSv1", |version| version.word());
            let max = settings.max_version.map_or("TLSv1.3", |version| version.word());
            format!(
                "{text}\nThis may indicate that the server does not support any SSL protocol version between {min} and {max}."
            )
        }
        X509VerifyResult::OK => text,
        why => format!("{text} ({})", why.error_string()),
    })
}
