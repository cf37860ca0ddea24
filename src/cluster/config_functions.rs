//! Clusters that users configure by functions: `plproxy.get_cluster_version`, `_config` and `_partitions`.

use super::{Cached, Cluster, ClusterOptions, retire, warn_of_no_numbers};
use crate::error::{Problem, configuration_context};
use crate::pg::spi::{Rows, Statement};
use crate::pg::{catalog, datum, elog};
use crate::report;
use pgrx::pg_sys;
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::mem::ManuallyDrop;
use std::rc::Rc;

const SCHEMA: &str = "plproxy";
const NAMES: [&str; 3] = ["get_cluster_version", "get_cluster_config", "get_cluster_partitions"];

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
    static PARTITIONS: ManuallyDrop<Statement> = statement(NAMES[2]);
    // Never dropped, like everything that lives as long as the backend.
    static CLUSTERS: ManuallyDrop<RefCell<HashMap<String, Versioned>>> = ManuallyDrop::default();
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
}

/// The cluster of this name, read again if its version is another one.
pub fn cluster(name: &str) -> Result<Rc<Cluster>, Problem> {
    let cached = CLUSTERS.with(|clusters| clusters.borrow().get(name).cloned());
    // No borrow is held here: the functions are the user's, and may call plproxy functions.
    let version = version(name)?;
    if let Some(cached) = cached.filter(|cached| cached.version == version) {
        return Ok(cached.cluster);
    }
    let options = options(name)?;
    let cluster = Rc::new(Cluster::new(options, partitions(name)?).ok_or(Problem::PartitionCount)?);
    let new = Versioned { version, cluster: cluster.clone() };
    let old = CLUSTERS.with(|clusters| clusters.borrow_mut().insert(name.to_owned(), new));
    if let Some(old) = old {
        retire(&old.cluster);
    }
    // Only when it is kept, so once for each version.
    warn_of_no_numbers(Some(name), cluster.options.no_numbers());
    Ok(cluster)
}

/// The clusters that have been read.
pub fn cached() -> Vec<Cached> {
    CLUSTERS.with(|clusters| {
        let clusters = clusters.borrow();
        let cached = |(name, Versioned { version, cluster }): (&String, &Versioned)| Cached {
            name: name.clone(),
            version: Some(version.clone()),
            cluster: cluster.clone(),
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
