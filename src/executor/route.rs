//! Which partitions a call goes to.

use crate::cluster::Cluster;
use crate::error::Problem;
use crate::function::{Function, RunOn};
use crate::pg::calls::Call;
use crate::pg::datum;
use pgrx::pg_sys::{Datum, Oid};

/// The partitions, in the order in which they are selected; one may be there more than once.
pub fn partitions(run_on: &RunOn, function: &Function, cluster: &Cluster, call: Call) -> Result<Vec<usize>, Problem> {
    let count = cluster.partition_count();
    match run_on {
        RunOn::Any => Ok(vec![fastrand::usize(..count)]),
        RunOn::All => Ok((0..count).collect()),
        RunOn::Partition(number) => match usize::try_from(*number) {
            Ok(number) if number < count => Ok(vec![number]),
            _ => Err(Problem::PartitionNumber),
        },
        RunOn::Argument(argument) => {
            let type_oid = function.arguments[*argument].oid();
            Ok(vec![partition(cluster, type_oid, call.argument(*argument))?])
        }
        RunOn::Query(query) => query.run(call, |rows| {
            if rows.len() != 1 && !function.returns_set {
                return Err(Problem::HashCount);
            }
            let type_oid = rows.column_type(0);
            (0..rows.len()).map(|row| partition(cluster, type_oid, rows.datum(row, 0))).collect()
        }),
    }
}

/// The partition for one hash value.
fn partition(cluster: &Cluster, type_oid: Oid, value: Option<Datum>) -> Result<usize, Problem> {
    let value = value.ok_or(Problem::HashNull)?;
    let hash = datum::integer(type_oid, value).ok_or(Problem::HashType)?;
    Ok(cluster.partition_of(hash))
}
