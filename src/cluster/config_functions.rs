//! Clusters that users configure by functions: `plproxy.get_cluster_version`, `_config` and `_partitions`.

use super::{Cached, Cluster, ClusterOptions, retire, warn_of_no_numbers};
use crate::error::{Problem, configuration_context};
use crate::pg::spi::{Rows, Statement};
use crate::pg::{catalog, datum, elog, inval, roles};
use crate::report;
use pgrx::pg_sys::{self, Oid};
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::mem::ManuallyDrop;
use std::rc::Rc;

const SCHEMA: &str = "plproxy";
const NAMES: [&str; 3] = ["get_cluster_version", "get_cluster_config", "get_cluster_partitions"];

/// Whether the schema could be the work of somebody who is neither a superuser nor the database's owner: of one who may create
/// schemas, and has the rights of the schema's owner. (A superuser is a member of every role.)
const IS_DOUBTFUL: &str = "select exists (select from \
    (select n.nspowner as role union all select m.member from pg_catalog.pg_auth_members m) r \
    where not pg_catalog.pg_has_role(r.role, d.datdba, 'MEMBER') \
    and pg_catalog.pg_has_role(r.role, n.nspowner, 'MEMBER') \
    and pg_catalog.has_database_privilege(r.role, d.oid, 'CREATE')) \
    from pg_catalog.pg_namespace n \
    join pg_catalog.pg_database d on d.datname operator(pg_catalog.=) pg_catalog.current_database() \
    where n.nspname operator(pg_catalog.=) 'plproxy'";

/// Who is behind the functions.
#[derive(Clone, Copy)]
struct Makers {
    /// The count of changes of schemas, roles and the database when this was found out.
    changes: u64,
    /// Whether the schema is a superuser's.
    are_superusers: bool,
    /// The schema's owner, if somebody could have made it whom no superuser has asked to. A schema that nobody but a superuser
    /// or the database's owner could have made is trusted, also if they have given it to another role.
    doubtful_owner: Option<Oid>,
}

/// Who is behind the functions now.
fn makers() -> Makers {
    let changes = inval::owner_changes();
    if let Some(known) = MAKERS.get().filter(|known| known.changes == changes) {
        return known;
    }
    let owner = catalog::schema_owner(SCHEMA);
    let are_superusers = owner.is_some_and(roles::is_superuser_role);
    // Who has the rights of a superuser is one.
    let doubtful_owner = owner.filter(|_| !are_superusers && is_doubtful());
    let makers = Makers { changes, are_superusers, doubtful_owner };
    MAKERS.set(Some(makers));
    makers
}

/// As [`IS_DOUBTFUL`] says. Not read-only, as are the functions: what this transaction has just changed counts.
fn is_doubtful() -> bool {
    DOUBT.with(|query| {
        query.run(std::iter::empty(), false, |rows| {
            rows.len() > 0 && rows.datum(0, 0).is_some_and(|is_doubtful| is_doubtful.value() != 0)
        })
    })
}

/// Fails if a superuser would run functions that may be those of somebody whom no superuser has asked to write them: they
/// run with the privileges of their callers. Others call them as they always have.
fn check_makers() -> Result<(), Problem> {
    match makers().doubtful_owner {
        Some(owner) if roles::is_superuser() => Err(Problem::SchemaOwner(roles::name(owner).to_string())),
        _ => Ok(()),
    }
}

/// Whether the schema is a superuser's.
pub fn are_superusers() -> bool {
    makers().are_superusers
}

/// Calls one of the functions for a cluster. Not read-only: a configuration that this transaction has just changed counts.
fn call<T>(function: &Statement, cluster: &str, read: impl FnOnce(&Rows<'_>) -> T) -> T {
    elog::in_context(&|| configuration_context(cluster), || {
        function.run(std::iter::once_with(|| Some(datum::text(cluster))), false, read)
    })
}

fn statement(name: &str) -> ManuallyDrop<Statement> {
    ManuallyDrop::new(Statement::new(format!("select * from {SCHEMA}.{name}($1)"), vec![pg_sys::TEXTOID]))
}

thread_local! {
    static VERSION: ManuallyDrop<Statement> = statement(NAMES[0]);
    static CONFIG: ManuallyDrop<Statement> = statement(NAMES[1]);
    static DOUBT: ManuallyDrop<Statement> = ManuallyDrop::new(Statement::new(IS_DOUBTFUL.to_owned(), Vec::new()));
    static MAKERS: Cell<Option<Makers>> = const { Cell::new(None) };
    static PARTITIONS: ManuallyDrop<Statement> = statement(NAMES[2]);
    // Never dropped, like everything that lives as long as the backend.
    static CLUSTERS: ManuallyDrop<RefCell<HashMap<String, Versioned>>> = ManuallyDrop::default();
    /// How often clusters have been used.
    static USES: Cell<u64> = const { Cell::new(0) };
    static WARNED_OF_KEEPALIVE: Cell<bool> = const { Cell::new(false) };
}

/// A configuration's version: all that matters is whether it is another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Version {
    /// As it should be.
    Number(i64),
    /// The text of a value of another type: a time, for example.
    Text(String),
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Version::Number(number) => number.fmt(out),
            Version::Text(text) => text.fmt(out),
        }
    }
}

/// A cluster and the version of its configuration.
#[derive(Clone)]
struct Versioned {
    version: Version,
    cluster: Rc<Cluster>,
    users: Rc<Users>,
}

/// How many clusters are kept. Callers may choose among any number, by a function's argument.
const MOST_CLUSTERS: usize = 1024;

/// Names that are longer than this are read anew at each call, rather than kept.
const LONGEST_NAME: usize = 1024;

/// The roles that have used a cluster by themselves: the functions have let them. Those that haven't used it for long may be
/// forgotten.
#[derive(Debug, Default)]
pub struct Users {
    roles: RefCell<Vec<Oid>>,
    /// When the cluster was last used: a count of uses.
    last_use: Cell<u64>,
}

impl Users {
    const MOST: usize = 32;

    fn add(&self, role: Oid) {
        let now = USES.get() + 1;
        USES.set(now);
        self.last_use.set(now);
        let mut roles = self.roles.borrow_mut();
        if roles.last() == Some(&role) {
            return;
        }
        roles.retain(|&other| other != role);
        if roles.len() == Users::MOST {
            roles.remove(0);
        }
        roles.push(role);
    }

    /// Whether the current user may see what the functions have said: he could ask them himself, and they have answered a
    /// role whose privileges he has.
    pub fn include_current(&self) -> bool {
        let roles = self.roles.borrow().clone();
        NAMES.iter().all(|name| catalog::may_call_text_function(SCHEMA, name))
            && roles.into_iter().any(roles::has_privileges_of)
    }
}

/// Whether the current user may ask for the partitions.
pub fn may_read_partitions() -> bool {
    catalog::may_call_text_function(SCHEMA, NAMES[2])
}

/// The cluster of this name, read again if its version is another one.
pub fn cluster(name: &str) -> Result<Rc<Cluster>, Problem> {
    let cached = CLUSTERS.with(|clusters| clusters.borrow().get(name).cloned());
    // No borrow is held here: the functions are the user's, and may call plproxy functions.
    let version = version(name)?;
    let user = roles::current_user();
    if let Some(cached) = cached.filter(|cached| cached.version == version) {
        cached.users.add(user);
        return Ok(cached.cluster);
    }
    let options = options(name)?;
    let cluster = Rc::new(Cluster::new(options, partitions(name)?).ok_or(Problem::PartitionCount)?);
    let users = Rc::<Users>::default();
    users.add(user);
    let new = Versioned { version, cluster: cluster.clone(), users };
    if name.len() > LONGEST_NAME {
        return Ok(cluster);
    }
    forget_unused();
    let old = CLUSTERS.with(|clusters| clusters.borrow_mut().insert(name.to_owned(), new));
    if let Some(old) = old {
        retire(&old.cluster);
    }
    // Only when it is kept, so once for each version.
    warn_of_no_numbers(Some(name), cluster.options.no_numbers());
    Ok(cluster)
}

/// Forgets an eighth of the clusters, those that haven't been used for longest, if there may be no more. Their connections
/// stay, for the case that they are used again: there is another limit for these.
fn forget_unused() {
    let unused: Vec<_> = CLUSTERS.with(|clusters| {
        let mut clusters = clusters.borrow_mut();
        if clusters.len() < MOST_CLUSTERS {
            return Vec::new();
        }
        let mut uses: Vec<_> = clusters.values().map(|cached| cached.users.last_use.get()).collect();
        let (_, &mut latest, _) = uses.select_nth_unstable(MOST_CLUSTERS / 8);
        clusters.extract_if(|_, cached| cached.users.last_use.get() < latest).collect()
    });
    drop(unused);
}

/// The clusters that have been read.
pub fn cached() -> Vec<Cached> {
    CLUSTERS.with(|clusters| {
        let clusters = clusters.borrow();
        let cached = |(name, Versioned { version, cluster, users }): (&String, &Versioned)| Cached {
            name: name.clone(),
            version: Some(version.clone()),
            cluster: cluster.clone(),
            users: Some(users.clone()),
        };
        clusters.iter().map(cached).collect()
    })
}

/// Whether a cached cluster has this connection string.
pub fn uses(connstr: &str) -> bool {
    CLUSTERS.with(|clusters| clusters.borrow().values().any(|cached| cached.cluster.has(connstr)))
}

/// The configuration's version. Asked on every call; what the function raises passes.
fn version(cluster: &str) -> Result<Version, Problem> {
    VERSION.with(|function| {
        if !function.is_prepared() && !all_exist() {
            return Err(Problem::ClusterNotFound(cluster.to_owned()));
        }
        check_makers()?;
        call(function, cluster, |rows| {
            if rows.len() != 1 {
                return Err(Problem::VersionRows(rows.len()));
            }
            let version = rows.datum(0, 0).ok_or(Problem::VersionNull)?;
            if let Some(number) = datum::integer(datum::base_type(rows.column_type(0)), version) {
                return Ok(Version::Number(number));
            }
            let text = rows.as_text(0, 0).ok_or(Problem::VersionNull)?;
            Ok(text.parse().map_or(Version::Text(text), Version::Number))
        })
    })
}

/// Whether this database configures clusters by functions at all.
fn all_exist() -> bool {
    NAMES.iter().all(|name| catalog::text_function_exists(SCHEMA, name))
}

/// The options.
fn options(cluster: &str) -> Result<ClusterOptions, Problem> {
    let pairs = CONFIG.with(|function| call(function, cluster, pairs))?;
    let options = ClusterOptions::from_pairs(pairs)?;
    if options.sets_keepalive() && !WARNED_OF_KEEPALIVE.replace(true) {
        report::warning("Use libpq keepalive options, PL/Proxy keepalive options not supported");
    }
    Ok(options)
}

fn pairs(rows: &Rows<'_>) -> Result<Vec<(String, String)>, Problem> {
    if rows.columns() != 2 {
        return Err(Problem::ConfigColumns);
    }
    for column in 0..2 {
        if rows.column_type(column) != pg_sys::TEXTOID {
            return Err(Problem::ConfigColumnType(column + 1));
        }
    }
    (0..rows.len())
        .map(|row| {
            let key = rows.text(row, 0).ok_or(Problem::KeyNull)?;
            let value = rows.text(row, 1).ok_or(Problem::ValNull)?;
            Ok((key, value))
        })
        .collect()
}

/// The partitions' connection strings, in order.
fn partitions(cluster: &str) -> Result<Vec<String>, Problem> {
    PARTITIONS.with(|function| {
        call(function, cluster, |rows| {
            if rows.len() == 0 {
                return Err(Problem::PartitionCount);
            }
            if rows.column_type(0) != pg_sys::TEXTOID {
                return Err(Problem::PartitionColumn);
            }
            (0..rows.len()).map(|row| rows.text(row, 0).ok_or(Problem::ConnstrNull)).collect()
        })
    })
}
