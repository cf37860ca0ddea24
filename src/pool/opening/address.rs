//! Where a host is: from names and paths to socket addresses, and back for messages.

use crate::conninfo::{Address, Host};
use crate::pool::connection::system_message;
use socket2::SockAddr;
use std::io;
use std::mem::offset_of;
use std::net::{IpAddr, ToSocketAddrs};

/// Bytes that a socket's path may have: its buffer's size, less the NUL at the end.
const LONGEST_PATH: usize = size_of::<libc::sockaddr_un>() - offset_of!(libc::sockaddr_un, sun_path) - 1;

/// The addresses of a host, or why it has none. Looking a name up may block, as it does in libpq: the system's resolver
/// has no other way.
pub fn addresses(address: &Address) -> Result<Vec<SockAddr>, String> {
    match address {
        Address::Unix(path) => {
            let shown = path.display().to_string();
            unix(path.as_os_str().len(), &shown, SockAddr::unix(path))
        }
        Address::Abstract(name) => {
            let shown = format!("@{name}");
            unix(shown.len(), &shown, SockAddr::unix(format!("\0{name}")))
        }
        Address::Tcp { hostaddr: Some(hostaddr), port, .. } => numeric(hostaddr, *port)
            .map_err(|reason| format!("could not parse network address \"{hostaddr}\": {reason}")),
        Address::Tcp { host, port, .. } => look_up(host, *port).map_err(|error| {
            format!("could not translate host name \"{host}\" to address: {}", system_message(&error))
        }),
    }
}

fn unix(length: usize, shown: &str, address: io::Result<SockAddr>) -> Result<Vec<SockAddr>, String> {
    if length > LONGEST_PATH {
        return Err(format!("Unix-domain socket path \"{shown}\" is too long (maximum {LONGEST_PATH} bytes)"));
    }
    let untranslatable = |error| {
        let message = system_message(&error);
        format!("could not translate Unix-domain socket path \"{shown}\" to address: {message}")
    };
    Ok(vec![address.map_err(untranslatable)?])
}

/// `hostaddr` is there to avoid name look-ups, so one that is no number must not cause one.
fn numeric(hostaddr: &str, port: u16) -> Result<Vec<SockAddr>, String> {
    let without_scope = hostaddr.split('%').next().unwrap_or(hostaddr);
    if without_scope.parse::<IpAddr>().is_err() {
        return Err("Name or service not known".to_owned());
    }
    // Through the resolver after all: it knows what the scope of an IPv6 address is called.
    look_up(hostaddr, port).map_err(|error| system_message(&error))
}

fn look_up(name: &str, port: u16) -> io::Result<Vec<SockAddr>> {
    Ok((name, port).to_socket_addrs()?.map(SockAddr::from).collect())
}

/// Where a connection went, in libpq's words.
pub fn whereabouts(host: &Host, address: &SockAddr) -> String {
    match (&host.address, address.as_socket()) {
        (Address::Tcp { host: name, port, .. }, Some(address)) => match address.ip().to_string() {
            ip if name.is_empty() || *name == ip => format!("server at \"{ip}\", port {port}"),
            ip => format!("server at \"{name}\" ({ip}), port {port}"),
        },
        (local, _) => local.to_string(),
    }
}
