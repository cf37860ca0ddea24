//! `plproxy_connections` and `plproxy_disconnect`: this backend's connections to shards.

use crate::cluster;
use crate::error::Result;
use crate::pg::calls::Call;
use crate::pg::datum::{bool, count, int4, interval, text, text_from_elsewhere, varlena_bytes};
use crate::pg::encoding;
use crate::pg::result_rows::ResultRows;
use crate::pg::roles;
use crate::pool::{self, Entry, Key};
use pgrx::pg_sys::{Datum, Oid};

/// A row for each connection, in the order in which they were opened. Of another role's it doesn't say where they go and
/// what is done there.
pub fn connections(call: Call) -> Result<Datum> {
    let rows = ResultRows::begin(call)?;
    for entry in pool::entries() {
        let whereabouts = &entry.whereabouts;
        let is_visible = may_see(&entry);
        rows.put(|| {
            let (cluster, partition) = entry.user().unzip();
            [
                cluster.filter(|_| is_visible).map(|name| text(&name)),
                partition.filter(|_| is_visible).map(|number| int4(number as i32)),
                is_visible.then(|| text(&whereabouts.host)),
                is_visible.then(|| int4(whereabouts.port.into())),
                is_visible.then(|| text(&whereabouts.database)),
                Some(text(&entry.key.role)),
                is_visible.then(|| text(&whereabouts.user)),
                entry.process_id.filter(|_| is_visible).map(|pid| int4(pid as i32)),
                Some(text(state(&entry))),
                Some(bool(entry.is_in_use())),
                Some(interval(entry.opened.elapsed())),
                entry.idle_since().map(|since| interval(since.elapsed())),
                whereabouts.tls.filter(|_| is_visible).map(text_from_elsewhere),
                is_visible.then(|| int4(entry.statements() as i32)),
                is_visible.then(|| count(entry.calls())),
                is_visible.then(|| count(entry.traffic().received)),
                is_visible.then(|| count(entry.traffic().sent)),
            ]
        });
    }
    Ok(call.null())
}

/// As with statistics: of the roles whose privileges the current user has, or of all.
fn may_see(entry: &Entry) -> bool {
    roles::has_privileges_of(Oid::from(entry.key.role_oid)) || roles::reads_all_statistics()
}

fn state(entry: &Entry) -> &'static str {
    match (entry.is_in_use(), entry.is_unwanted()) {
        (false, _) => "idle",
        (true, false) => "active",
        (true, true) => "closing",
    }
}

/// Closes this backend's connections, or only those that a cluster uses, and returns how many: those that are in use when
/// their call ends. A cluster that isn't there is an error; one that hasn't been used has none. Those of roles whose
/// privileges the current user doesn't have stay as they are.
pub fn disconnect(call: Call) -> Result<Datum> {
    // Found out before the pool is borrowed.
    let mut roles: Vec<_> = pool::entries().iter().map(|entry| entry.key.role_oid).collect();
    roles.sort_unstable();
    roles.dedup();
    roles.retain(|&role| roles::has_privileges_of(Oid::from(role)));
    let may_close = |key: &Key| roles.contains(&key.role_oid);
    let closed = match call.argument(0) {
        None => pool::close(may_close),
        Some(name) => {
            let name = encoding::from_server(&varlena_bytes(name));
            let cluster = match cluster::find_cached(&name) {
                Some(cached) => cached.cluster,
                None => cluster::by_name(&name.into())?.cluster,
            };
            pool::close(|key| may_close(key) && cluster.has(&key.connstr))
        }
    };
    Ok(int4(closed as i32))
}
