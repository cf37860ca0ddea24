//! Clusters that users configure by functions: `plproxy.get_cluster_version`, `_config` and `_partitions`.

use super::{Cluster, ClusterOptions, retire};
use crate::error::Problem;
use crate::pg::catalog;
use crate::pg::datum;
use crate::pg::spi::{Plan, Rows, Spi, connected};
use crate::report;
use pgrx::pg_sys;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::rc::Rc;

const SCHEMA: &str = "plproxy";

/// One of the functions, with its plan once it has been called.
struct ConfigFunction {
    name: &'static str,
    plan: ManuallyDrop<OnceCell<Plan>>,
}

impl ConfigFunction {
    const fn new(name: &'static str) -> ConfigFunction {
        ConfigFunction { name, plan: ManuallyDrop::new(OnceCell::new()) }
    }

    /// Calls it for a cluster. Not read-only: a configuration that this transaction has just changed counts.
    fn call<'s>(&self, spi: &'s Spi, cluster: &str) -> Rows<'s> {
        let query = || (format!("select * from {SCHEMA}.{}($1)", self.name), vec![pg_sys::TEXTOID]);
        let plan = spi.prepare_once(&self.plan, query);
        spi.execute(plan, &[Some(datum::text(cluster))], false)
    }
}

thread_local! {
    static VERSION: ConfigFunction = const { ConfigFunction::new("get_cluster_version") };
    static CONFIG: ConfigFunction = const { ConfigFunction::new("get_cluster_config") };
    static PARTITIONS: ConfigFunction = const { ConfigFunction::new("get_cluster_partitions") };
    // Never dropped, like everything that lives as long as the backend.
    static CLUSTERS: ManuallyDrop<RefCell<HashMap<String, Versioned>>> = ManuallyDrop::default();
    static WARNED_OF_KEEPALIVE: Cell<bool> = const { Cell::new(false) };
}

/// A cluster and the version of its configuration.
#[derive(Clone)]
struct Versioned {
    version: i32,
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
    Ok(cluster)
}

/// Whether a cached cluster has this connection string.
pub fn uses(connstr: &str) -> bool {
    CLUSTERS.with(|clusters| clusters.borrow().values().any(|cached| cached.cluster.has(connstr)))
}

/// The configuration's version. Asked on every call; what the function raises passes.
fn version(cluster: &str) -> Result<i32, Problem> {
    VERSION.with(|function| {
        let first_time = function.plan.get().is_none();
        if first_time && !all_exist() {
            return Err(Problem::ClusterNotFound(cluster.to_owned()));
        }
        connected(|spi| {
            let rows = function.call(spi, cluster);
            if rows.len() != 1 {
                return Err(Problem::VersionRows(rows.len()));
            }
            let version = rows.datum(0, 0).ok_or(Problem::VersionNull)?;
            let number = datum::integer(rows.column_type(0), version).ok_or(Problem::VersionType)?;
            i32::try_from(number).map_err(|_| Problem::VersionType)
        })
    })
}

/// Whether this database configures clusters by functions at all.
fn all_exist() -> bool {
    let names = [VERSION.with(|f| f.name), CONFIG.with(|f| f.name), PARTITIONS.with(|f| f.name)];
    names.iter().all(|name| catalog::text_function_exists(SCHEMA, name))
}

/// The options.
fn options(cluster: &str) -> Result<ClusterOptions, Problem> {
    let pairs = CONFIG.with(|function| connected(|spi| pairs(&function.call(spi, cluster))))?;
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
        connected(|spi| {
            let rows = function.call(spi, cluster);
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
