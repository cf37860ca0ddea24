//! Whether a certificate is for the host that was asked for (pure).
//!
//! The rules are libpq's (`pq_verify_peer_name_matches_certificate`), which are RFC 6125's with an older tradition: the
//! subject's common name counts, but only if no alternative name is of the host's kind. One difference: where the host is
//! an IP address, no wildcard matches it.

use std::fmt;
use std::net::IpAddr;

/// One of a certificate's alternative names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlternativeName {
    /// `dNSName`.
    Dns(Vec<u8>),
    /// `iPAddress`: 4 or 16 bytes, in network order.
    Ip(Vec<u8>),
}

/// The names that a certificate is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    pub alternative: Vec<AlternativeName>,
    /// The subject's (first) common name.
    pub common: Option<Vec<u8>>,
}

/// Why a certificate isn't for the host, in libpq's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    #[error("server certificate for \"{first}\"{others} does not match host name \"{host}\"")]
    OtherHost { first: String, others: Others, host: String },
    #[error("could not get server's host name from server certificate")]
    NoName,
    #[error("SSL certificate's name contains embedded null")]
    EmbeddedNull,
    #[error("certificate contains IP address with invalid length {0}")]
    InvalidAddress(usize),
}

/// How many names there are besides the one that a message shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Others(usize);

impl fmt::Display for Others {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            1 => write!(out, " (and 1 other name)"),
            count => write!(out, " (and {count} other names)"),
        }
    }
}

/// Succeeds if the certificate is for `host`, a name or an IP address as it was written.
pub fn verify(names: &Names, host: &str) -> Result<(), Mismatch> {
    let address: Option<IpAddr> = host.parse().ok();
    let mut seen = Vec::new();
    let mut common_counts = true;
    for name in &names.alternative {
        let is_match = match name {
            AlternativeName::Dns(name) => {
                common_counts &= address.is_some();
                let name = text(name)?;
                let is_match = is_for(&name, host, address);
                seen.push(name);
                is_match
            }
            AlternativeName::Ip(bytes) => {
                common_counts &= address.is_none();
                let named = ip_address(bytes)?;
                seen.push(named.to_string());
                address == Some(named)
            }
        };
        if is_match {
            return Ok(());
        }
    }
    if let Some(name) = names.common.as_ref().filter(|_| common_counts) {
        let name = text(name)?;
        if is_for(&name, host, address) {
            return Ok(());
        }
        seen.push(name);
    }
    let others = Others(seen.len().saturating_sub(1));
    match seen.into_iter().next() {
        Some(first) => Err(Mismatch::OtherHost { first, others, host: host.to_owned() }),
        None => Err(Mismatch::NoName),
    }
}

/// A name as text. One that C would read only up to a NUL may have been signed for its end (CVE-2009-4034).
fn text(name: &[u8]) -> Result<String, Mismatch> {
    match name.contains(&0) {
        true => Err(Mismatch::EmbeddedNull),
        false => Ok(String::from_utf8_lossy(name).into_owned()),
    }
}

fn ip_address(bytes: &[u8]) -> Result<IpAddr, Mismatch> {
    match *bytes {
        [a, b, c, d] => Ok(IpAddr::from([a, b, c, d])),
        _ => <[u8; 16]>::try_from(bytes).map(IpAddr::from).map_err(|_| Mismatch::InvalidAddress(bytes.len())),
    }
}

fn is_for(name: &str, host: &str, address: Option<IpAddr>) -> bool {
    name.eq_ignore_ascii_case(host) || address.is_none() && is_wildcard_for(name, host)
}

/// A wildcard stands for exactly one label, the leftmost, and only for the whole of it.
fn is_wildcard_for(pattern: &str, host: &str) -> bool {
    match (pattern.strip_prefix("*."), host.split_once('.')) {
        (Some(domain), Some((label, rest))) => {
            !domain.is_empty() && !label.is_empty() && domain.eq_ignore_ascii_case(rest)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{AlternativeName, Names, verify};

    fn names(alternative: &[&str], common: &str) -> Names {
        let alternative = alternative
            .iter()
            .map(|name| match name.strip_prefix("ip:") {
                Some(address) => AlternativeName::Ip(match address.parse().unwrap() {
                    std::net::IpAddr::V4(address) => address.octets().to_vec(),
                    std::net::IpAddr::V6(address) => address.octets().to_vec(),
                }),
                None => AlternativeName::Dns(name.as_bytes().to_vec()),
            })
            .collect();
        Names { alternative, common: (!common.is_empty()).then(|| common.as_bytes().to_vec()) }
    }

    #[track_caller]
    fn accepted(alternative: &[&str], common: &str, host: &str) {
        assert_eq!(verify(&names(alternative, common), host), Ok(()));
    }

    #[track_caller]
    fn refused(alternative: &[&str], common: &str, host: &str, message: &str) {
        let mismatch = verify(&names(alternative, common), host).expect_err("refused");
        assert_eq!(mismatch.to_string(), message);
    }

    #[test]
    fn the_same_name() {
        accepted(&["db1.example.com"], "", "db1.example.com");
        accepted(&["DB1.example.com"], "", "db1.EXAMPLE.com");
        accepted(&["db0", "db1", "db2"], "", "db1");
        accepted(&["db1."], "", "db1.");
        refused(&["db1"], "", "db2", r#"server certificate for "db1" does not match host name "db2""#);
        refused(&["db1."], "", "db1", r#"server certificate for "db1." does not match host name "db1""#);
    }

    #[test]
    fn how_many_names_there_are() {
        refused(&["a", "b"], "", "c", r#"server certificate for "a" (and 1 other name) does not match host name "c""#);
        refused(
            &["a", "b", "ip:10.0.0.1"],
            "",
            "c",
            r#"server certificate for "a" (and 2 other names) does not match host name "c""#,
        );
        refused(&[], "", "c", "could not get server's host name from server certificate");
    }

    #[test]
    fn the_common_name_counts_only_alone() {
        accepted(&[], "db1", "db1");
        accepted(&[], "*.example.com", "db1.example.com");
        refused(&[], "db1", "db2", r#"server certificate for "db1" does not match host name "db2""#);
        refused(&["db2"], "db1", "db1", r#"server certificate for "db2" does not match host name "db1""#);
        // An alternative name of the other kind doesn't exclude it.
        accepted(&["ip:10.0.0.1"], "db1", "db1");
        accepted(&["db1"], "10.0.0.1", "10.0.0.1");
        refused(
            &["ip:10.0.0.2"],
            "10.0.0.1",
            "10.0.0.1",
            r#"server certificate for "10.0.0.2" does not match host name "10.0.0.1""#,
        );
    }

    #[test]
    fn a_wildcard_is_one_whole_label() {
        accepted(&["*.example.com"], "", "db1.example.com");
        accepted(&["*.EXAMPLE.com"], "", "db1.example.COM");
        for (pattern, host) in [
            ("*.example.com", "example.com"),
            ("*.example.com", ".example.com"),
            ("*.example.com", "a.db1.example.com"),
            ("*.example.com", "db1.example.org"),
            ("*example.com", "db1example.com"),
            ("db*.example.com", "db1.example.com"),
            ("*.*.com", "db1.example.com"),
            ("db1.*.com", "db1.example.com"),
            ("*", "db1"),
            ("*.", "db1."),
            ("*.0.0.1", "127.0.0.1"),
        ] {
            let message = format!(r#"server certificate for "{pattern}" does not match host name "{host}""#);
            refused(&[pattern], "", host, &message);
            refused(&[], pattern, host, &message);
        }
    }

    #[test]
    fn addresses() {
        accepted(&["ip:127.0.0.1"], "", "127.0.0.1");
        accepted(&["ip:2001:db8::1"], "", "2001:db8::1");
        accepted(&["ip:2001:db8::1"], "", "2001:0DB8:0:0::1");
        accepted(&["127.0.0.1"], "", "127.0.0.1"); // as a dNSName, as libpq has it
        refused(
            &["ip:127.0.0.2"],
            "",
            "127.0.0.1",
            r#"server certificate for "127.0.0.2" does not match host name "127.0.0.1""#,
        );
        // A name that looks up to the address isn't the address.
        refused(
            &["ip:127.0.0.1"],
            "",
            "localhost",
            r#"server certificate for "127.0.0.1" does not match host name "localhost""#,
        );
        let odd = Names { alternative: vec![AlternativeName::Ip(vec![127, 0, 0])], common: None };
        let message = "certificate contains IP address with invalid length 3";
        assert_eq!(verify(&odd, "127.0.0.1").unwrap_err().to_string(), message);
    }

    #[test]
    fn an_embedded_nul() {
        let message = "SSL certificate's name contains embedded null";
        refused(&["db1\0.evil.org"], "", "db1", message);
        refused(&[], "db1\0.evil.org", "db1", message);
        refused(&["db1\0.evil.org", "db1"], "", "db1", message);
    }
}
