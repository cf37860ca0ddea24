//! libpq connection strings: from text to everything a connector needs.
//!
//! ```text
//! text ──Settings::parse──▶ Settings ──resolve──▶ Endpoint
//!        keyvalue, uri      as written   │         hosts, user, TLS, limits
//!                                        └ layers: service file, PG* variables, built-in defaults
//!                                          passfile: a password for each host
//! ```
//!
//! Between the two steps a caller sees what was written, and may add what was not (the user and
//! password of a user mapping). `resolve` then fills in and checks all the rest, as libpq 18 does
//! before it opens a socket, and with its error texts.
//!
//! This module owns the meaning of connection strings. It must not know sockets, TLS libraries or
//! PostgreSQL's backend, and reaches environment variables and files through [`Environment`] only.
//!
//! Invariant: no `Debug`, no `Display` and no error text of this module holds a password or a part
//! of one. Where libpq would quote it, `***` stands instead.

mod application_name;
mod choices;
mod endpoint;
mod environment;
mod error;
mod hosts;
mod keyvalue;
mod layers;
mod numbers;
mod options;
mod passfile;
mod process;
mod refusals;
mod require_auth;
mod secret;
mod service;
mod settings;
mod tls;
mod uri;

#[cfg(test)]
mod tests;

/// What is shown of a connection string that is none.
pub const NOT_A_CONNECTION_STRING: &str = "not a connection string";

/// A connection string as it is shown to everybody, whatever it is.
pub fn shown(connstr: &str) -> String {
    without_secrets(connstr).unwrap_or_else(|| NOT_A_CONNECTION_STRING.to_owned())
}

/// A connection string as it can be shown to everybody; `None` if it is none, so that nobody can tell where its secrets are.
pub fn without_secrets(connstr: &str) -> Option<String> {
    Settings::parse(connstr).ok().map(|settings| settings.to_string())
}

#[allow(unused_imports, reason = "the whole interface, of which each crate that includes this module uses a part")]
pub use self::{
    application_name::{Escape, expand},
    choices::{ChannelBinding, LoadBalanceHosts, SslCertMode, SslMode, SslNegotiation, TargetSessionAttrs, TlsVersion},
    endpoint::{Endpoint, resolve},
    environment::{Defaults, Environment, FileText, Isolated},
    error::ConninfoError,
    hosts::{Address, Host},
    numbers::Keepalives,
    process::ProcessEnvironment,
    require_auth::{AuthMethod, RequireAuth},
    secret::Secret,
    settings::Settings,
    tls::{RootCertificates, TlsSettings},
};
