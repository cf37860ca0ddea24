//! From a cluster's name to its configuration and partitions.
//!
//! What it owns: the cached clusters of this backend and when they are read again. What it must not know: functions,
//! connections, routes.
//!
//! A cached cluster is never changed: a new version takes its place, whole and checked, and calls that are running keep
//! the one they began with. If reading the new one fails, the old one stays.

mod config_functions;
pub mod fdw_options;
pub mod mapping;
mod options;

pub use options::{ClusterOptions, DefaultUser};

use crate::error::{Problem, Result};
use crate::pg::catalog;
use crate::pool;
use mapping::Mapping;
use std::cell::RefCell;
use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::rc::Rc;

/// A cluster as one call sees it.
#[derive(Debug)]
pub struct Cluster {
    /// What `get_cluster_version` said when it was read.
    version: i32,
    /// Its options.
    pub options: ClusterOptions,
    /// The distinct connection strings: partitions with equal ones share a connection.
    connstrs: Vec<Rc<str>>,
    /// For each partition the index of its connection string.
    partitions: Vec<usize>,
    mapping: Mapping,
}

impl Cluster {
    /// Checks that the number of partitions suits the mapping.
    fn new(version: i32, options: ClusterOptions, connstrs_by_partition: Vec<String>) -> Result<Cluster, Problem> {
        let count = connstrs_by_partition.len();
        let mapping = Mapping::new(count, options.modular_mapping).ok_or(Problem::PartitionCount)?;
        let mut cluster =
            Cluster { version, options, connstrs: Vec::new(), partitions: Vec::with_capacity(count), mapping };
        let mut known = HashMap::new();
        for connstr in connstrs_by_partition {
            let next = cluster.connstrs.len();
            let index = *known.entry(connstr).or_insert_with_key(|connstr| {
                cluster.connstrs.push(connstr.as_str().into());
                next
            });
            cluster.partitions.push(index);
        }
        Ok(cluster)
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

    /// The connection string of this index.
    pub fn connstr(&self, endpoint: usize) -> &Rc<str> {
        &self.connstrs[endpoint]
    }
}

thread_local! {
    // Never dropped, like everything that lives as long as the backend.
    static CLUSTERS: ManuallyDrop<RefCell<HashMap<String, Rc<Cluster>>>> = ManuallyDrop::default();
}

/// The cluster of this name, as its configuration is now.
pub fn by_name(name: &str) -> Result<Rc<Cluster>, Problem> {
    if catalog::cluster_server_exists(name) {
        return Err(Problem::NotYet("SQL/MED clusters are"));
    }
    let cached = CLUSTERS.with(|clusters| clusters.borrow().get(name).cloned());
    // No borrow is held here: the functions are the user's, and may call plproxy functions.
    let version = config_functions::version(name)?;
    match cached {
        Some(cluster) if cluster.version == version => Ok(cluster),
        _ => {
            let options = config_functions::options(name)?;
            let partitions = config_functions::partitions(name)?;
            let cluster = Rc::new(Cluster::new(version, options, partitions)?);
            replace(name, cluster.clone());
            Ok(cluster)
        }
    }
}

/// Puts a cluster in the cache, and closes idle connections that only its predecessor had.
fn replace(name: &str, cluster: Rc<Cluster>) {
    let old = CLUSTERS.with(|clusters| clusters.borrow_mut().insert(name.to_owned(), cluster));
    let Some(old) = old else { return };
    let wanted = |connstr: &str| {
        CLUSTERS
            .with(|clusters| clusters.borrow().values().any(|cluster| cluster.connstrs.iter().any(|c| **c == *connstr)))
    };
    pool::retain(|connstr| !old.connstrs.iter().any(|c| **c == *connstr) || wanted(connstr));
}

/// The nameless cluster of one partition that a CONNECT stands for.
pub fn by_connstr(connstr: &str) -> Rc<Cluster> {
    let cluster = Cluster::new(0, ClusterOptions::default(), vec![connstr.to_owned()]);
    Rc::new(cluster.expect("one partition suits every mapping"))
}
