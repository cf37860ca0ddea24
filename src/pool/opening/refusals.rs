//! What a connection string may ask for that we can't do (yet). Silently doing something else would be worse.
//!
//! `conninfo` refuses what this client will never do; here is what awaits TLS. `sslmode` doesn't matter for a
//! Unix-domain socket, as in libpq; the other two can't be satisfied there either.

use crate::conninfo::{ChannelBinding, Endpoint, SslCertMode, SslMode};

/// The first such thing.
pub fn check(endpoint: &Endpoint) -> Result<(), String> {
    let over_network = endpoint.hosts.iter().any(|host| !host.address.is_local());
    let sslmode = match endpoint.tls.mode {
        SslMode::Require => Some("require"),
        SslMode::VerifyCa => Some("verify-ca"),
        SslMode::VerifyFull => Some("verify-full"),
        SslMode::Disable | SslMode::Allow | SslMode::Prefer => None,
    };
    let demand = match sslmode.filter(|_| over_network) {
        Some(sslmode) => format!("sslmode={sslmode}"),
        None if endpoint.tls.certificate_mode == SslCertMode::Require => "sslcertmode=require".to_owned(),
        None if endpoint.channel_binding == ChannelBinding::Require => "channel_binding=require".to_owned(),
        None => return Ok(()),
    };
    Err(format!("{demand} demands TLS, which is not supported yet"))
}
