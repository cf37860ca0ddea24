//! Clusters that are foreign servers (SQL/MED): `CREATE SERVER … FOREIGN DATA WRAPPER plproxy OPTIONS (p0 '…', …)`.
//!
//! What is read from the catalogs is kept until PostgreSQL says that a server, the wrapper or a user mapping has changed.
//! Only the right to use a server is checked on every call, because the next call may be another role's.

use super::fdw_options::{partition_number, password_required};
use super::{Access, Cached, Cluster, ClusterOptions, retire, warn_of_no_numbers};
use crate::error::Problem;
use crate::growth::Growth;
use crate::pg::foreign::{self, ForeignServer};
use crate::pg::{inval, roles};
use crate::pool::{self, Login};
use pgrx::pg_sys::Oid;
use std::cell::RefCell;
use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::rc::Rc;

const WRAPPER: &str = "plproxy";

/// What is known of a name.
#[derive(Clone)]
struct Entry {
    /// The count of changes when it was looked up.
    changes: u64,
    /// `None` if there is no server of this name.
    server: Option<Server>,
}

#[derive(Clone)]
struct Server {
    oid: Oid,
    owner: Oid,
    cluster: Rc<Cluster>,
}

/// By server and role: the count of changes when the mapping was read, and what it said.
type Logins = HashMap<(Oid, Oid), (u64, Rc<Login>)>;

thread_local! {
    // Never dropped, like everything that lives as long as the backend.
    static SERVERS: ManuallyDrop<RefCell<HashMap<String, Entry>>> = ManuallyDrop::default();
    static LOGINS: ManuallyDrop<RefCell<Logins>> = ManuallyDrop::default();
    static SERVER_GROWTH: Growth = const { Growth::from(64) };
    static LOGIN_GROWTH: Growth = const { Growth::from(64) };
}

/// Access to the server of this name; `None` if there is none. Raises an ERROR if the role has no USAGE or no user
/// mapping.
pub fn access(name: &str) -> Result<Option<Access>, Problem> {
    let Some(server) = server(name)? else {
        return Ok(None);
    };
    let role = server.cluster.role();
    foreign::require_usage(server.oid, name, role);
    let login = login(&server, role);
    // Who owns a server says what is connected to, and with which options.
    let is_callers = !roles::is_superuser_role(server.owner) && login.password_required != Some(false);
    Ok(Some(Access { is_callers, ..Access::new(server.cluster, Some(login)) }))
}

/// The servers that have been read.
pub fn cached() -> Vec<Cached> {
    SERVERS.with(|servers| {
        let servers = servers.borrow();
        let cached = |(name, entry): (&String, &Entry)| {
            let cluster = entry.server.as_ref()?.cluster.clone();
            Some(Cached { name: name.clone(), version: None, cluster, users: None })
        };
        servers.iter().filter_map(cached).collect()
    })
}

/// Whether a cached server has this connection string.
pub fn uses(connstr: &str) -> bool {
    SERVERS.with(|servers| {
        let servers = servers.borrow();
        let mut clusters = servers.values().filter_map(|entry| Some(&entry.server.as_ref()?.cluster));
        clusters.any(|cluster| cluster.has(connstr))
    })
}

/// The server, read again if anything has changed.
fn server(name: &str) -> Result<Option<Server>, Problem> {
    // Nothing in the catalogs has a longer name; nor is it worth remembering.
    if !foreign::may_be_name(name) {
        return Ok(None);
    }
    let changes = inval::server_changes();
    let cached = SERVERS.with(|servers| servers.borrow().get(name).cloned());
    if let Some(entry) = cached.filter(|entry| entry.changes == changes) {
        return Ok(entry.server);
    }
    forget_servers();
    let server = match foreign::server(name, WRAPPER) {
        Some(found) => Some(Server { oid: found.oid, owner: found.owner, cluster: Rc::new(cluster(found)?) }),
        None => None,
    };
    let entry = Entry { changes, server: server.clone() };
    let old = SERVERS.with(|servers| servers.borrow_mut().insert(name.to_owned(), entry));
    let old = old.and_then(|entry| entry.server).map(|old| old.cluster);
    if let Some(old) = &old {
        retire(old);
    }
    if let Some(Server { cluster, .. }) = &server {
        // It is read again when any server changes.
        let is_known = old.is_some_and(|old| old.options.no_numbers() == cluster.options.no_numbers());
        warn_of_no_numbers(Some(name), if is_known { &[] } else { cluster.options.no_numbers() });
    }
    Ok(server)
}

/// Forgets names that are no server's, and servers that were read before the last change, if there are many. They may be
/// gone. To look would leave as much in PostgreSQL's own caches; those that aren't gone are read again when they are
/// used, as they would be anyway, and connected again.
fn forget_servers() {
    let changes = inval::server_changes();
    let forgotten: Vec<_> = SERVERS.with(|servers| {
        let mut servers = servers.borrow_mut();
        SERVER_GROWTH.with(|growth| {
            if !growth.is_due(servers.len()) {
                return Vec::new();
            }
            let forgotten = servers.extract_if(|_, entry| entry.server.is_none() || entry.changes != changes);
            let forgotten: Vec<_> = forgotten.filter_map(|(_, entry)| entry.server).collect();
            growth.left(servers.len());
            forgotten
        })
    });
    forgotten.iter().for_each(|server| retire(&server.cluster));
}

/// Forgets logins that were read before the last change, if there are many, likewise.
fn forget_logins() {
    let changes = inval::server_changes();
    let forgotten: Vec<_> = LOGINS.with(|logins| {
        let mut logins = logins.borrow_mut();
        LOGIN_GROWTH.with(|growth| {
            if !growth.is_due(logins.len()) {
                return Vec::new();
            }
            let forgotten: Vec<_> = logins.extract_if(|_, (seen, _)| *seen != changes).collect();
            growth.left(logins.len());
            forgotten
        })
    });
    for ((_, role), (_, login)) in forgotten {
        pool::close_idle(|key| key.role_oid == role.to_u32() && key.login.as_ref() == Some(&login));
    }
}

/// A server's options as a cluster; those of the wrapper are the defaults.
fn cluster(server: ForeignServer) -> Result<Cluster, Problem> {
    let mut partitions = Vec::new();
    let mut options = server.wrapper_options;
    for (name, value) in server.options {
        match partition_number(&name) {
            Some(number) => partitions.push((number, value)),
            None => options.push((name, value)),
        }
    }
    partitions.sort();
    // The validator has seen to it; but it may have been another one when the server was created.
    if !partitions.iter().map(|&(number, _)| number).eq(0..partitions.len() as u32) {
        return Err(Problem::ServerPartitions);
    }
    let connstrs = partitions.into_iter().map(|(_, connstr)| connstr).collect();
    Cluster::new(ClusterOptions::from_pairs(options)?, connstrs).ok_or(Problem::ServerPartitions)
}

/// What the role's user mapping says. When it has changed or is gone, idle connections that were made with the old one
/// are closed.
fn login(server: &Server, role: Oid) -> Rc<Login> {
    let changes = inval::server_changes();
    let place = (server.oid, role);
    let cached = LOGINS.with(|logins| logins.borrow().get(&place).cloned());
    if let Some((seen, login)) = &cached
        && *seen == changes
    {
        return login.clone();
    }
    let old = cached.map(|(_, login)| login);
    if let Some(old) = old.as_ref().filter(|_| !foreign::has_user_mapping(server.oid, role)) {
        LOGINS.with(|logins| logins.borrow_mut().remove(&place));
        disconnect(&server.cluster, role, old);
    }
    // This raises the ERROR if there is none.
    let options = foreign::user_mapping(server.oid, role);
    let password_required = password_required(&options);
    let login = Rc::new(Login::from_options(options, password_required));
    forget_logins();
    LOGINS.with(|logins| logins.borrow_mut().insert(place, (changes, login.clone())));
    if let Some(old) = old.filter(|old| *old != login) {
        disconnect(&server.cluster, role, &old);
    }
    login
}

/// Closes the role's idle connections that were made with a login. Another role may have one that says the same.
fn disconnect(cluster: &Cluster, role: Oid, login: &Rc<Login>) {
    pool::close_idle(|key| {
        key.role_oid == role.to_u32() && key.login.as_ref() == Some(login) && cluster.has(&key.connstr)
    });
}
