//! TLS under a session, as libpq means it.
//!
//! What it owns: OpenSSL, and what of it a connection needs: the certificates and keys of its settings ([`context`]), whom
//! a server's certificate is for ([`certificate_name`]), the handshake, and the session over a socket after it
//! ([`Session`]). What it must not know: PostgreSQL's protocol, when TLS is to be used, what to do if it fails.
//!
//! OpenSSL is the library that the server itself is linked with, and both use it in one process:
//!
//! * Its initialisation, which the crate `openssl` does once, registers no exit handler (`OPENSSL_INIT_NO_ATEXIT`).
//! * Its queue of errors is the thread's. PostgreSQL empties it before each of its own calls, and so do we.
//! * It calls back into Rust to read and write the socket. Those functions raise no PostgreSQL error, and the crate stops
//!   a panic there before it could cross OpenSSL's frames. No other callback of ours can panic.
//! * Its memory isn't PostgreSQL's, so nothing of it goes away with a memory context.

mod certificate_name;
mod context;
mod handshake;
mod session;

pub use context::{ClientCertificate, Context};
pub use handshake::handshake;
pub use session::Session;

use crate::pool::connection::system_message;
use openssl::error::ErrorStack;
use std::io;

/// Why there is no TLS session, or none any more, in libpq's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(pub String);

impl TlsError {
    /// What OpenSSL says of a failure, after what failed.
    fn because(what: &str, errors: &ErrorStack) -> TlsError {
        TlsError(format!("{what}: {}", reason(errors)))
    }
}

/// OpenSSL's first error: those after it say through whose hands it went.
fn reason(errors: &ErrorStack) -> String {
    /// OpenSSL's number for errors of the operating system.
    const SYSTEM: i32 = 2;
    match errors.errors().first() {
        None => "no SSL error reported".to_owned(),
        Some(error) => match error.reason() {
            Some(reason) => reason.to_owned(),
            None if error.library_code() == SYSTEM => {
                system_message(&io::Error::from_raw_os_error(error.reason_code()))
            }
            None => format!("SSL error code {}", error.code()),
        },
    }
}

/// Empties the queue of errors: what others have left there would be taken for the outcome of the next call.
fn forget_errors() {
    drop(ErrorStack::get());
}
