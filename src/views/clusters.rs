//! `plproxy_clusters`: the clusters that this backend has read.

use crate::cluster::{self, Cached};
use crate::conninfo;
use crate::error::Result;
use crate::pg::calls::Call;
use crate::pg::datum::{int4, text, texts};
use crate::pg::result_rows::ResultRows;
use pgrx::pg_sys::Datum;

/// A row for each cluster, by name.
pub fn clusters(call: Call) -> Result<Datum> {
    let rows = ResultRows::begin(call)?;
    let mut clusters = cluster::cached();
    clusters.sort_by(|one, other| one.name.cmp(&other.name));
    for Cached { name, version, cluster } in clusters {
        let options = cluster.options.given().iter().map(|(option, value)| format!("{option}={value}"));
        let partitions = (0..cluster.partition_count())
            .map(|partition| conninfo::without_secrets(cluster.connstr(cluster.endpoint(partition))))
            .map(|connstr| connstr.unwrap_or_else(|| "not a connection string".to_owned()));
        rows.put(|| {
            [
                Some(text(&name)),
                Some(text(if version.is_some() { "functions" } else { "server" })),
                version.map(int4),
                Some(texts(options)),
                Some(texts(partitions)),
            ]
        });
    }
    Ok(call.null())
}
