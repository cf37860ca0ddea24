//! The URI syntax (libpq, `conninfo_uri_parse_options`):
//!
//! ```text
//! postgresql://[user[:password]@][host][:port][,...][/dbname][?key=value[&...]]
//! ```
//!
//! Knows where the parts are and their percent-encoding; which keywords exist is for `options`.

use super::error::ConninfoError;
use super::options;
use super::secret::{HIDDEN, quotable};
use super::settings::Settings;

/// The text after `postgresql://` or `postgres://`, `None` when it is not a URI.
pub(super) fn strip_scheme(text: &str) -> Option<&str> {
    text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"))
}

/// Reads a URI, given whole for its errors and again from where [`strip_scheme`] left off.
pub(super) fn parse(uri: &str, after_scheme: &str) -> Result<Settings, ConninfoError> {
    let mut settings = Settings::default();
    let (credentials, after_credentials) = split_credentials(after_scheme);
    if let Some((user, password)) = credentials {
        refuse_swallowed_query(user)?;
        refuse_swallowed_query(password)?;
        store(&mut settings, "user", user)?;
        store(&mut settings, "password", password)?;
    }

    let servers = Servers::parse(uri, after_credentials)?;
    servers.refuse_misplaced_credentials()?;
    store(&mut settings, "host", &servers.hosts.join(","))?;
    store(&mut settings, "port", &servers.ports.join(","))?;

    let (path, query) = servers.rest.split_once('?').unwrap_or((servers.rest, ""));
    // An empty path leaves the database to PGDATABASE, where an empty dbname would not.
    store(&mut settings, "dbname", path.strip_prefix('/').unwrap_or(path))?;
    parse_query(query, &mut settings)?;
    Ok(settings)
}

/// Splits off `user:password@`, which is there when an `@` comes before the first `/`.
fn split_credentials(text: &str) -> (Option<(&str, &str)>, &str) {
    match text.find(['@', '/']) {
        Some(at) if text[at..].starts_with('@') => {
            let credentials = &text[..at];
            let pair = credentials.split_once(':').unwrap_or((credentials, ""));
            (Some(pair), &text[at + 1..])
        }
        _ => (None, text),
    }
}

/// In `host?password=a@b` all before the `@` is credentials to libpq, and part of the password a
/// host name. Nobody meant that.
fn refuse_swallowed_query(part: &str) -> Result<(), ConninfoError> {
    let holds_secret = part
        .split(['?', '&'])
        .skip(1)
        .filter_map(|parameter| decode(parameter.split_once('=')?.0, HIDDEN).ok())
        .any(|keyword| options::is_secret(&keyword));
    match holds_secret {
        true => Err(ConninfoError::AmbiguousCredentials),
        false => Ok(()),
    }
}

/// The `host:port` pairs of a URI, still encoded.
struct Servers<'a> {
    hosts: Vec<&'a str>,
    ports: Vec<&'a str>,
    /// What follows: nothing, a path or a query.
    rest: &'a str,
}

impl<'a> Servers<'a> {
    fn parse(uri: &str, text: &'a str) -> Result<Self, ConninfoError> {
        let (mut hosts, mut ports) = (Vec::new(), Vec::new());
        let mut rest = text;
        loop {
            let (host, after_host) = match rest.strip_prefix('[') {
                Some(bracketed) => take_bracketed(uri, text, bracketed)?,
                None => split_before(rest, [':', '/', '?', ',']),
            };
            let (port, after_port) = match after_host.strip_prefix(':') {
                Some(port) => split_before(port, ['/', '?', ',']),
                None => ("", after_host),
            };
            hosts.push(host);
            ports.push(port);
            match after_port.strip_prefix(',') {
                Some(next) => rest = next,
                None => return Ok(Self { hosts, ports, rest: after_port }),
            }
        }
    }

    /// An `@` in a host name, or behind a port that is no number, is one that was meant to end the
    /// credentials: some `@` or `/` of a password came before it unencoded. libpq goes on with the
    /// wrong host, and shows that part of the password in its next error.
    fn refuse_misplaced_credentials(&self) -> Result<(), ConninfoError> {
        let in_host = self.hosts.iter().any(|host| {
            let is_socket = host.starts_with("%2F") || host.starts_with("%2f");
            !is_socket && host.rfind('@').is_some_and(|at| at > 0)
        });
        let not_a_number = |port: &&str| port.contains(|c: char| !c.is_ascii_digit());
        let behind_port = self.ports.iter().any(not_a_number)
            && (self.rest.contains('@') || self.ports.iter().any(|port| port.contains('@')));
        match in_host || behind_port {
            true => Err(ConninfoError::AmbiguousCredentials),
            false => Ok(()),
        }
    }
}

/// Splits an IPv6 address from what follows its `]`. `text` is the part of `uri` without
/// credentials, the only part that errors quote.
fn take_bracketed<'a>(uri: &str, text: &str, bracketed: &'a str) -> Result<(&'a str, &'a str), ConninfoError> {
    let shown = || {
        let scheme = uri.find("://").map_or("", |end| &uri[..end + 3]);
        let servers = text.split('?').next().unwrap_or_default();
        format!("{scheme}{}", quotable(servers))
    };
    let Some((address, after)) = bracketed.split_once(']') else {
        return Err(ConninfoError::UnclosedBracket(shown()));
    };
    if address.is_empty() {
        return Err(ConninfoError::EmptyBrackets(shown()));
    }
    match after.chars().next() {
        None | Some(':' | '/' | '?' | ',') => Ok((address, after)),
        Some(found) => {
            Err(ConninfoError::UnexpectedCharacter { found, position: uri.len() - after.len() + 1, uri: shown() })
        }
    }
}

fn split_before<const N: usize>(text: &str, ends: [char; N]) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// Reads `key=value&key=value` (libpq, `conninfo_uri_parse_params`).
fn parse_query(query: &str, settings: &mut Settings) -> Result<(), ConninfoError> {
    let mut rest = query;
    // An unencoded "&" in a password makes the rest of the password look like the next keyword.
    let mut may_be_secret = false;
    while !rest.is_empty() {
        let (parameter, after) = rest.split_once('&').unwrap_or((rest, ""));
        let shown = |text: &str| match may_be_secret {
            true => HIDDEN.to_owned(),
            false => quotable(text).into_owned(),
        };
        let Some((keyword, value)) = parameter.split_once('=') else {
            return Err(ConninfoError::MissingSeparator(shown(parameter)));
        };
        if value.contains('=') {
            return Err(ConninfoError::ExtraSeparator(shown(keyword)));
        }
        let keyword = decode(keyword, &shown(keyword))?;
        let is_secret = options::is_secret(&keyword);
        let value = match is_secret {
            true => decode(value, HIDDEN)?,
            false => decode(value, &shown(value))?,
        };
        let stored = match (keyword.as_str(), value.as_str()) {
            // As JDBC writes it.
            ("ssl", "true") => settings.set("sslmode", "require"),
            _ => settings.set(&keyword, value),
        };
        stored.map_err(|_| ConninfoError::UnknownParameter(shown(&keyword)))?;
        may_be_secret = is_secret;
        rest = after;
    }
    Ok(())
}

/// Sets a keyword to an encoded part of the URI, unless the part is empty.
fn store(settings: &mut Settings, keyword: &str, encoded: &str) -> Result<(), ConninfoError> {
    if encoded.is_empty() {
        return Ok(());
    }
    let value = match options::is_secret(keyword) {
        true => decode(encoded, HIDDEN)?,
        false => decode(encoded, &quotable(encoded))?,
    };
    settings.set(keyword, value)
}

/// Undoes percent-encoding; blanks are allowed around the text but not inside (libpq,
/// `conninfo_uri_decode`). Errors quote `shown`.
fn decode(encoded: &str, shown: &str) -> Result<String, ConninfoError> {
    let text = encoded.trim_matches(' ');
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' => return Err(ConninfoError::UnexpectedSpaces(shown.to_owned())),
            b'%' => match (hex_digit(bytes.next()), hex_digit(bytes.next())) {
                (Some(0), Some(0)) => return Err(ConninfoError::EncodedNul(shown.to_owned())),
                (Some(high), Some(low)) => decoded.push(high << 4 | low),
                _ => return Err(ConninfoError::InvalidPercentEncoding(shown.to_owned())),
            },
            byte => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).map_err(|_| ConninfoError::NotUtf8(shown.to_owned()))
}

fn hex_digit(byte: Option<u8>) -> Option<u8> {
    let digit = char::from(byte?).to_digit(16)?;
    u8::try_from(digit).ok()
}
