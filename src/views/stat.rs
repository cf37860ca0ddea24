//! `plproxy_stat` and `plproxy_latency`: what all backends have counted.

use crate::error::Result;
use crate::pg::calls::Call;
use crate::pg::result_rows::ResultRows;
use crate::pg::{databases, datum, roles};
use crate::report;
use crate::stat;
use crate::stat::histogram::{self, BUCKETS};
use crate::stat::table::{Counter, Row, Table};
use pgrx::pg_sys::{Datum, Oid};

/// `plproxy_stat() returns setof record`.
pub fn stat(call: Call) -> Result<Datum> {
    let (table, rows) = begin(call)?;
    let reset_at = table.reset_at();
    for row in visible(table) {
        let count = |counter| Some(datum::count(row.get(counter)));
        let time = |counter| Some(datum::float8(row.milliseconds(counter)));
        // They are estimates: digits beyond the microsecond would only pretend.
        let percentile = |rank| row.percentile(rank).map(|time| datum::float8((time * 1000.0).round() / 1000.0));
        let classes = [
            Counter::RemoteErrors,
            Counter::ConnectionErrors,
            Counter::Timeouts,
            Counter::Canceled,
            Counter::OtherErrors,
        ];
        rows.put(|| {
            let [database, role, cluster, partition] = key(&row);
            [
                database,
                role,
                cluster,
                partition,
                count(Counter::Calls),
                count(Counter::Rows),
                count(Counter::BytesIn),
                count(Counter::BytesOut),
                Some(datum::count(classes.iter().map(|&class| row.get(class)).sum())),
                count(Counter::RemoteErrors),
                count(Counter::ConnectionErrors),
                count(Counter::Timeouts),
                count(Counter::Canceled),
                count(Counter::OtherErrors),
                count(Counter::Connects),
                count(Counter::Reconnects),
                count(Counter::Cancels),
                time(Counter::ConnectTime),
                time(Counter::WaitTime),
                time(Counter::MaxTime),
                percentile(0.50),
                percentile(0.95),
                percentile(0.99),
                Some(datum::timestamptz(reset_at)),
            ]
        });
    }
    Ok(call.null())
}

/// `plproxy_latency() returns setof record`: the buckets that aren't empty.
pub fn latency(call: Call) -> Result<Datum> {
    let (table, rows) = begin(call)?;
    for row in visible(table) {
        for bucket in (0..BUCKETS).filter(|&bucket| row.latency[bucket] > 0) {
            let (_, up_to) = histogram::bounds(bucket);
            rows.put(|| {
                let [database, role, cluster, partition] = key(&row);
                let calls = datum::count(row.latency[bucket]);
                [database, role, cluster, partition, Some(datum::float8(up_to)), Some(calls)]
            });
        }
    }
    Ok(call.null())
}

/// `plproxy_stat_reset()`. Who may call it is for GRANT and REVOKE to say.
pub fn reset(call: Call) -> Result<Datum> {
    stat::reset()?;
    Ok(call.null())
}

fn begin(call: Call) -> Result<(Table<'static>, ResultRows)> {
    let table = stat::table()?;
    if table.overlooked() > 0 {
        report::warning(format!(
            "{} calls are not counted: there is room for {} combinations of database, role, cluster and partition only",
            table.overlooked(),
            table.capacity()
        ));
    }
    Ok((table, ResultRows::begin(call)?))
}

/// The rows of those roles whose privileges the current user has, or of all.
fn visible(table: Table<'static>) -> impl Iterator<Item = Row> {
    let sees_all = roles::reads_all_statistics();
    table.rows().filter(move |row| sees_all || roles::has_privileges_of(Oid::from(row.role)))
}

/// Database, role, cluster, partition. What has been dropped has no name.
fn key(row: &Row) -> [Option<Datum>; 4] {
    let (cluster, partition) = row.place.as_ref().map(|(name, partition)| (&**name, *partition)).unzip();
    [
        databases::name(Oid::from(row.database)),
        roles::name_if_exists(Oid::from(row.role)),
        cluster.map(datum::text_from_elsewhere),
        partition.map(|partition| datum::int4(partition as i32)),
    ]
}
