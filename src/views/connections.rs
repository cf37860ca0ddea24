//! `plproxy_connections` and `plproxy_disconnect`: this backend's connections to shards.

use crate::cluster;
use crate::error::Result;
use crate::pg::calls::Call;
use crate::pg::datum::{bool, count, int4, interval, text, text_from_elsewhere, varlena_bytes};
use crate::pg::encoding;
use crate::pg::result_rows::ResultRows;
use crate::pool::{self, Entry};
use pgrx::pg_sys::Datum;

/// A row for each connection, in the order in which they were opened.
pub fn connections(call: Call) -> Result<Datum> {
    let rows = ResultRows::begin(call)?;
    for entry in pool::entries() {
        let whereabouts = &entry.whereabouts;
        rows.put(|| {
            let (cluster, partition) = entry.user().unzip();
            [
                cluster.map(|name| text(&name)),
                partition.map(|number| int4(number as i32)),
                Some(text(&whereabouts.host)),
                Some(int4(whereabouts.port.into())),
                Some(text(&whereabouts.database)),
                Some(text(&entry.key.role)),
                Some(text(&whereabouts.user)),
                entry.process_id.map(|pid| int4(pid as i32)),
                Some(text(state(&entry))),
                Some(bool(entry.is_in_use())),
                Some(interval(entry.opened.elapsed())),
                entry.idle_since().map(|since| interval(since.elapsed())),
                whereabouts.tls.map(text_from_elsewhere),
                Some(int4(entry.statements() as i32)),
                Some(count(entry.calls())),
                Some(count(entry.traffic().received)),
                Some(count(entry.traffic().sent)),
            ]
        });
    }
    Ok(call.null())
}

fn state(entry: &Entry) -> &'static str {
    match (entry.is_in_use(), entry.is_unwanted()) {
        (false, _) => "idle",
        (true, false) => "active",
        (true, true) => "closing",
    }
}

/// Closes this backend's connections, or only those that a cluster uses, and returns how many: those that are in use when
/// their call ends. A cluster that isn't there is an error; one that hasn't been used has none.
pub fn disconnect(call: Call) -> Result<Datum> {
    let closed = match call.argument(0) {
        None => pool::close(|_| true),
        Some(name) => {
            let name = encoding::from_server(&varlena_bytes(name));
            let cluster = match cluster::find_cached(&name) {
                Some(cached) => cached.cluster,
                None => cluster::by_name(&name.into())?.cluster,
            };
            pool::close(|key| cluster.has(&key.connstr))
        }
    };
    Ok(int4(closed as i32))
}
