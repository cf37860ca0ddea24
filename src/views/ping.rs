//! `plproxy_ping`: whether the servers of a cluster are there.

use crate::cluster;
use crate::error::Result;
use crate::executor::{self, Finding, Server};
use crate::pg::calls::Call;
use crate::pg::datum::{bool, int4, milliseconds, text_from_elsewhere, varlena_bytes};
use crate::pg::encoding;
use crate::pg::result_rows::ResultRows;
use pgrx::pg_sys::Datum;

/// A row for each partition, in order. Partitions with one connection string have one server, and are told the same.
pub fn ping(call: Call) -> Result<Datum> {
    let Some(name) = call.argument(0) else {
        return Ok(call.null());
    };
    let access = cluster::by_name_to_ping(&encoding::from_server(&varlena_bytes(name)).into())?;
    let rows = ResultRows::begin(call)?;
    let findings = executor::ping(&access)?;
    for partition in 0..access.cluster.partition_count() {
        let Finding { place, outcome } = &findings[access.cluster.endpoint(partition)];
        let server = outcome.as_ref().ok();
        rows.put(|| {
            [
                Some(int4(partition as i32)),
                place.as_ref().map(|place| text_from_elsewhere(&place.host)),
                place.as_ref().and_then(|place| place.port).map(|port| int4(port.into())),
                place.as_ref().map(|place| text_from_elsewhere(&place.database)),
                Some(bool(server.is_some())),
                server.map(|server| milliseconds(server.latency)),
                server.map(|Server { version, .. }| text_from_elsewhere(version)),
                server.map(|server| bool(server.is_in_recovery)),
                outcome.as_ref().err().map(|problem| text_from_elsewhere(&problem.to_string())),
            ]
        });
    }
    Ok(call.null())
}
