//! From a cluster's name to its configuration and partitions, and to who may use them.
//!
//! What it owns: the cached clusters of this backend and when they are read again. What it must not know: functions,
//! connections, routes.
//!
//! A cluster is either a foreign server ([`servers`]) or what the configuration functions say ([`config_functions`]); a
//! server comes first, and one that appears or disappears is noticed at the next call.
//!
//! A cached cluster is never changed: a new version takes its place, whole and checked, and calls that are running keep
//! the one they began with. If reading the new one fails, the old one stays.

mod config_functions;
pub mod fdw_options;
pub mod mapping;
mod options;
mod servers;

pub use config_functions::Version;
pub use options::{ClusterOptions, DefaultUser, NoNumber, PreparedStatements};

use crate::error::Problem;
use crate::pg::roles;
use crate::pool::{self, Key, Login};
use crate::report;
use config_functions::Users;
use mapping::Mapping;
use pgrx::pg_sys::Oid;
use std::collections::HashMap;
use std::rc::Rc;

/// A cluster as one call sees it.
#[derive(Debug)]
pub struct Cluster {
    /// Its options.
    pub options: ClusterOptions,
    /// The distinct connection strings: partitions with equal ones share a connection.
    connstrs: Vec<Rc<str>>,
    /// For each partition the index of its connection string.
    partitions: Vec<usize>,
    mapping: Mapping,
}

impl Cluster {
    /// `None` if the number of partitions doesn't suit the mapping.
    fn new(options: ClusterOptions, connstrs_by_partition: Vec<String>) -> Option<Cluster> {
        let count = connstrs_by_partition.len();
        let mapping = Mapping::new(options.mapping(), count)?;
        let mut cluster = Cluster { options, connstrs: Vec::new(), partitions: Vec::with_capacity(count), mapping };
        let mut known = HashMap::new();
        for connstr in connstrs_by_partition {
            let next = cluster.connstrs.len();
            let index = *known.entry(connstr).or_insert_with_key(|connstr| {
                cluster.connstrs.push(connstr.as_str().into());
                next
            });
            cluster.partitions.push(index);
        }
        Some(cluster)
    }

    /// Number of partitions.
    pub fn partition_count(&self) -> usize {
        self.partitions.len()
    }

    /// The partition that a hash value belongs to.
    pub fn partition_of(&self, hash: i64) -> usize {
        self.mapping.partition(hash)
    }

    /// Number of different connection strings.
    pub fn endpoint_count(&self) -> usize {
        self.connstrs.len()
    }

    /// The index of a partition's connection string.
    pub fn endpoint(&self, partition: usize) -> usize {
        self.partitions[partition]
    }

    /// The first partition that has the connection string of this index.
    pub fn first_partition(&self, endpoint: usize) -> usize {
        self.partitions.iter().position(|&of| of == endpoint).expect("each connection string is a partition's")
    }

    /// The connection string of this index.
    pub fn connstr(&self, endpoint: usize) -> &Rc<str> {
        &self.connstrs[endpoint]
    }

    /// Whether one of its partitions has this connection string.
    pub fn has(&self, connstr: &str) -> bool {
        self.connstrs.iter().any(|own| **own == *connstr)
    }

    /// The role that connections are for.
    fn role(&self) -> Oid {
        match self.options.default_user {
            DefaultUser::CurrentUser => roles::current_user(),
            // In the code of a table's owner that a VACUUM runs, the session is somebody else's.
            DefaultUser::SessionUser if roles::is_operation_restricted() => roles::current_user(),
            DefaultUser::SessionUser => roles::session_user(),
        }
    }
}

/// A cluster, and as whom a call uses it.
#[derive(Debug)]
pub struct Access {
    /// The cluster.
    pub cluster: Rc<Cluster>,
    role_oid: Oid,
    role: Rc<str>,
    login: Option<Rc<Login>>,
    is_callers: bool,
    /// The cluster's name; a CONNECT has none.
    name: Option<Rc<str>>,
}

impl Access {
    /// As the role that the cluster's options name, with the login of its user mapping if it has one.
    fn new(cluster: Rc<Cluster>, login: Option<Rc<Login>>) -> Access {
        let role_oid = cluster.role();
        Access { cluster, role_oid, role: roles::name(role_oid), login, is_callers: false, name: None }
    }

    /// OID of the role that connections are for.
    pub fn role(&self) -> u32 {
        self.role_oid.to_u32()
    }

    /// The cluster's name; a CONNECT has none.
    pub fn name(&self) -> Option<&Rc<str>> {
        self.name.as_ref()
    }

    /// Says of a connection string that makes no sense where it comes from.
    pub fn to_blame(&self, problem: Problem) -> Problem {
        match (problem, &self.name) {
            (problem @ Problem::Conninfo(_), Some(name)) => problem.of_cluster(name),
            (problem, _) => problem,
        }
    }

    /// What connection an endpoint of the cluster needs.
    pub fn key(&self, endpoint: usize) -> Key {
        Key {
            connstr: self.cluster.connstr(endpoint).clone(),
            role_oid: self.role_oid.to_u32(),
            role: self.role.clone(),
            login: self.login.clone(),
            is_callers: self.is_callers,
        }
    }
}

/// Access to the cluster of this name, as its configuration is now.
pub fn by_name(name: &Rc<str>) -> Result<Access, Problem> {
    let access = || match servers::access(name)? {
        Some(access) => Ok(access),
        None => Ok(Access::new(config_functions::cluster(name)?, None)),
    };
    let access = access().map_err(|problem: Problem| problem.of_cluster(name))?;
    Ok(Access { name: Some(name.clone()), ..access })
}

/// Access to the cluster of this name for one who only wants to know whether its servers are there. That takes no function
/// of a superuser's, so connection strings by configuration functions that aren't a superuser's are treated as a caller's.
pub fn by_name_to_ping(name: &Rc<str>) -> Result<Access, Problem> {
    let access = by_name(name)?;
    let is_of_functions = access.login.is_none();
    let is_callers = is_of_functions && !config_functions::are_superusers() && !roles::is_superuser();
    Ok(Access { is_callers: access.is_callers || is_callers, ..access })
}

/// The partition that a hash value goes to, and its connection string if the current user may see it.
pub fn route(name: &str, hash: i64) -> Result<(usize, Option<Rc<str>>), Problem> {
    let access = by_name(&name.into())?;
    let cluster = &access.cluster;
    let partition = cluster.partition_of(hash);
    // The current user was let in; but perhaps it was another role that has asked for the partitions.
    let is_visible = access.login.is_some() || config_functions::may_read_partitions();
    Ok((partition, is_visible.then(|| cluster.connstr(cluster.endpoint(partition)).clone())))
}

/// Access to the nameless cluster of one partition that a CONNECT stands for. `is_callers` says that the string is a
/// caller's, who may use nothing of this server's to log in with.
pub fn by_connstr(connstr: &str, is_callers: bool) -> Access {
    let cluster = Cluster::new(ClusterOptions::default(), vec![connstr.to_owned()]);
    let cluster = Rc::new(cluster.expect("one partition suits every mapping"));
    Access { is_callers, ..Access::new(cluster, None) }
}

/// A cluster that this backend has read, and where from.
#[derive(Debug)]
pub struct Cached {
    /// Its name.
    pub name: String,
    /// The version of its configuration; a server has none.
    pub version: Option<Version>,
    /// What was read.
    pub cluster: Rc<Cluster>,
    /// Whom the functions have told; servers' options are there for everybody to read.
    users: Option<Rc<Users>>,
}

impl Cached {
    /// What it was read from: `functions` or `server`.
    pub fn source(&self) -> &'static str {
        if self.version.is_some() { "functions" } else { "server" }
    }

    /// Whether the current user may see its options and connection strings: the session may have read them as another role.
    pub fn is_visible(&self) -> bool {
        self.users.as_ref().is_none_or(|users| users.include_current())
    }
}

/// The one of [`cached`] that has this name.
pub fn find_cached(name: &str) -> Option<Cached> {
    cached().into_iter().find(|cached| cached.name == name)
}

/// The clusters that this backend has read and not yet found to be gone.
pub fn cached() -> Vec<Cached> {
    let mut cached = servers::cached();
    let of_functions = config_functions::cached();
    // A server hides a configuration that was read before the server was there.
    let is_hidden = |other: &Cached| cached.iter().any(|server| server.name == other.name);
    let visible: Vec<_> = of_functions.into_iter().filter(|cluster| !is_hidden(cluster)).collect();
    cached.extend(visible);
    cached
}

/// Warns of options whose values should be numbers, if there are any, and says how they are read. `name` is the cluster's, if
/// that is known.
pub fn warn_of_no_numbers(name: Option<&str>, options: &[NoNumber]) {
    if options.is_empty() {
        return;
    }
    let listed = |value: &dyn Fn(&NoNumber) -> String| {
        let options: Vec<_> = options.iter().map(|option| format!("{} '{}'", option.key, value(option))).collect();
        options.join(", ")
    };
    let whose = name.map(|name| format!(" of cluster \"{name}\"")).unwrap_or_default();
    let written = listed(&|option| option.text.clone());
    report::explained_warning(
        format!("values of options{whose} are not valid integers: {written}"),
        Some("They are read as PL/Proxy 2 read them.".into()),
        format!("To say the same, write {}. Times are whole seconds.", listed(&|option| option.taken_as.to_string())),
    );
}

/// Closes idle connections that only a cluster that was replaced had a use for.
fn retire(old: &Cluster) {
    let wanted = |connstr: &str| config_functions::uses(connstr) || servers::uses(connstr);
    pool::close_idle(|key| old.has(&key.connstr) && !wanted(&key.connstr));
}
