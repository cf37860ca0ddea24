//! `plproxy_clusters`: the clusters that this backend has read.

use crate::cluster::{self, Version};
use crate::conninfo;
use crate::error::Result;
use crate::pg::calls::Call;
use crate::pg::datum::{int4, text, texts};
use crate::pg::result_rows::ResultRows;
use pgrx::pg_sys::Datum;

/// A row for each cluster, by name. What the configuration functions have told another role is NULL.
pub fn clusters(call: Call) -> Result<Datum> {
    let rows = ResultRows::begin(call)?;
    let mut clusters = cluster::cached();
    clusters.sort_by(|one, other| one.name.cmp(&other.name));
    for cached in clusters {
        let cluster = &cached.cluster;
        let is_visible = cached.is_visible();
        let options = cluster.options.given().iter().map(|(option, value)| format!("{option}={value}"));
        let partitions = (0..cluster.partition_count())
            .map(|partition| conninfo::shown(cluster.connstr(cluster.endpoint(partition))));
        rows.put(|| {
            [
                Some(text(&cached.name)),
                Some(text(cached.source())),
                cached.version.as_ref().and_then(shown_version),
                is_visible.then(|| texts(options)),
                is_visible.then(|| texts(partitions)),
            ]
        });
    }
    Ok(call.null())
}

/// The column is an int4, as versions are. Of another one nothing is shown.
fn shown_version(version: &Version) -> Option<Datum> {
    match version {
        Version::Number(number) => i32::try_from(*number).ok().map(int4),
        Version::Text(_) => None,
    }
}
