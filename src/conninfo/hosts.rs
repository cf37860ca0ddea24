//! The hosts of a connection string: `host`, `hostaddr` and `port` matched to one another.
//!
//! Knows where a server is, not how to reach it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::environment::Defaults;
use super::error::ConninfoError;
use super::numbers;
use super::secret::Secret;
use super::settings::Settings;

/// One server to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub address: Address,
    /// The password that the password file has for this host; see
    /// [`super::Endpoint::password_for`].
    pub password: Option<Secret>,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// How many hosts a connection string may list. libpq has no limit, but it doesn't get its strings from others.
pub(super) const MOST: usize = 1000;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// The path of a Unix-domain socket, `<directory>/.s.PGSQL.<port>`.
    Unix(PathBuf),
    /// The name of a socket in Linux's abstract namespace, without the NUL byte (written `@`) that
    /// leads it.
    Abstract(String),
    Tcp {
        /// The name as written. Empty when only `hostaddr` was given; a server certificate cannot
        /// be verified against a name then.
        host: String,
        /// A numeric address that makes looking up the name unnecessary.
        hostaddr: Option<String>,
        port: u16,
    },
}

impl Address {
    /// Whether this is a Unix-domain socket, over which TLS is never used, whatever `sslmode` is.
    pub fn is_local(&self) -> bool {
        !matches!(self, Self::Tcp { .. })
    }

    /// What to look up to connect: the numeric address when there is one, else the name.
    pub fn lookup_name(&self) -> Option<&str> {
        match self {
            Self::Tcp { host, hostaddr, .. } => Some(hostaddr.as_deref().unwrap_or(host)),
            Self::Unix(_) | Self::Abstract(_) => None,
        }
    }

    /// The host as it was written, else its number, or a socket's directory; and the port.
    pub fn name_and_port(&self) -> (String, u16) {
        let of_socket = |path: &str| match path.rsplit_once("/.s.PGSQL.") {
            Some((directory, port)) => (directory.to_owned(), port.parse().unwrap_or(0)),
            None => (path.to_owned(), 0),
        };
        match self {
            Self::Unix(path) => of_socket(&path.to_string_lossy()),
            Self::Abstract(name) => of_socket(&format!("@{name}")),
            Self::Tcp { host, port, .. } if !host.is_empty() => (host.clone(), *port),
            Self::Tcp { hostaddr, port, .. } => (hostaddr.clone().unwrap_or_default(), *port),
        }
    }

    /// The name a server certificate must be for, `None` when none was given.
    pub fn server_name(&self) -> Option<&str> {
        match self {
            Self::Tcp { host, .. } if !host.is_empty() => Some(host),
            _ => None,
        }
    }
}

/// libpq's words, for messages such as `connection to server at "db1", port 5432 failed`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "server on socket \"{}\"", path.display()),
            Self::Abstract(name) => write!(f, "server on socket \"@{name}\""),
            Self::Tcp { host, hostaddr, port } => {
                let shown = hostaddr.as_ref().unwrap_or(host);
                write!(f, "server at \"{shown}\", port {port}")
            }
        }
    }
}

/// One element of the three lists, filled up with defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    /// A name, a socket directory or `@` and an abstract name. Empty only when `hostaddr` is given.
    pub host: String,
    pub hostaddr: Option<String>,
    pub port: u16,
}

impl Location {
    /// The host that lines of a password file are compared with: the default socket directory is
    /// `localhost` there.
    pub(super) fn name_in_passfile(&self, defaults: &Defaults) -> &str {
        match (self.host.as_str(), &self.hostaddr) {
            ("", Some(hostaddr)) => hostaddr,
            (host, _) if Path::new(host) == defaults.socket_dir => "localhost",
            (host, _) => host,
        }
    }

    pub(super) fn address(&self) -> Address {
        let Self { host, hostaddr, port } = self;
        if hostaddr.is_none() && host.starts_with('/') {
            Address::Unix(format!("{host}/.s.PGSQL.{port}").into())
        } else if let (None, Some(name)) = (hostaddr, host.strip_prefix('@')) {
            Address::Abstract(format!("{name}/.s.PGSQL.{port}"))
        } else {
            Address::Tcp { host: host.clone(), hostaddr: hostaddr.clone(), port: *port }
        }
    }
}

/// Matches the lists element by element (libpq, `pqConnectOptions2`). There are as many hosts as
/// `hostaddr` has elements, else as `host` has, else one; a single port serves all of them.
///
/// libpq finds a bad port only when it comes to that host; here it is an error at once.
pub(super) fn locate(settings: &Settings, defaults: &Defaults) -> Result<Vec<Location>, ConninfoError> {
    let hosts = list(settings, "host");
    let addresses = list(settings, "hostaddr");
    let ports = list(settings, "port");

    let count = [&addresses, &hosts].into_iter().map(Vec::len).find(|&length| length > 0).unwrap_or(1);
    if count > MOST {
        return Err(ConninfoError::TooManyHosts(count));
    }
    if !hosts.is_empty() && hosts.len() != count {
        return Err(ConninfoError::HostCount { hosts: hosts.len(), addresses: count });
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(ConninfoError::PortCount { ports: ports.len(), hosts: count });
    }

    let default_host = match defaults.socket_dir.to_string_lossy() {
        directory if directory.is_empty() => "localhost".to_owned(),
        directory => directory.into_owned(),
    };
    (0..count)
        .map(|index| {
            let hostaddr = element(&addresses, index).map(str::to_owned);
            let port = element(&ports, if ports.len() == 1 { 0 } else { index });
            let host = match (element(&hosts, index), &hostaddr) {
                (Some(host), _) => host.to_owned(),
                (None, Some(_)) => String::new(),
                (None, None) => default_host.clone(),
            };
            Ok(Location { port: port.map_or(Ok(defaults.port), parse_port)?, host, hostaddr })
        })
        .collect()
}

/// The elements of a comma-separated list; none when the option is absent or empty.
fn list<'a>(settings: &'a Settings, option: &str) -> Vec<&'a str> {
    settings.get_nonempty(option).map(|text| text.split(',').collect()).unwrap_or_default()
}

/// An empty element means the default, as an absent one.
fn element<'a>(list: &[&'a str], index: usize) -> Option<&'a str> {
    list.get(index).copied().filter(|text| !text.is_empty())
}

fn parse_port(text: &str) -> Result<u16, ConninfoError> {
    u16::try_from(numbers::parse("port", text)?)
        .ok()
        .filter(|&port| port > 0)
        .ok_or_else(|| ConninfoError::InvalidPort(text.to_owned()))
}
