//! The statistics of all backends: what calls have done to each shard, by database, role, cluster and partition.
//!
//! What it owns: the table of counters in shared memory ([`mod@table`]), and how times become percentiles ([`histogram`]). What
//! it must not know: how a call runs. Nothing here takes a lock, waits, or fails, except for the first use in a backend.

pub mod histogram;
pub mod table;

use crate::error::Problem;
use crate::pg::shared_memory::{self, Shared};
use crate::pg::{clock, databases};
use crate::settings;
use table::{Account, Counters, Table};

/// How many keys there is room for, in a bit more than two megabytes.
const ENTRIES: usize = 2048;

/// Called once, when the library is loaded.
pub fn define() {
    // Whoever changes what the words mean changes the number in the name.
    shared_memory::announce(Shared {
        name: c"plproxy statistics 1",
        words: table::words(ENTRIES),
        begin: |words| Table::new(words).reset(clock::now()),
    });
}

/// Where the calls of a role to a cluster are counted.
#[derive(Clone, Copy, Debug)]
pub struct Statistics<'a> {
    table: Table<'static>,
    account: Account<'a>,
}

impl<'a> Statistics<'a> {
    /// Those of a role's calls to a cluster, or by CONNECT, in this database. `None` if calls aren't counted. Raises
    /// an ERROR if there is no memory for the table, so this must be called before anything has been done that can't
    /// be undone.
    pub fn of(role: u32, cluster: Option<&'a str>) -> Option<Statistics<'a>> {
        let table = settings::track_stat().then(shared_memory::words)?.map(Table::new)?;
        Some(Statistics { table, account: Account { database: databases::current().to_u32(), role, cluster } })
    }

    /// Where what has happened on a partition is counted. `None` if it can't be counted now.
    pub fn counters(&self, partition: usize) -> Option<Counters<'static>> {
        self.table.counters(&self.account, u32::try_from(partition).unwrap_or(u32::MAX))
    }
}

/// The table, for those who want to look at it or reset it.
pub fn table() -> Result<Table<'static>, Problem> {
    shared_memory::words().map(Table::new).ok_or(Problem::NotPreloaded)
}

/// Forgets all that has been counted.
pub fn reset() -> Result<(), Problem> {
    table()?.reset(clock::now());
    Ok(())
}
