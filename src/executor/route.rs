//! Which connections a call needs, and what each gets.

use super::split::Split;
use crate::cluster::Cluster;
use crate::error::Problem;
use crate::function::{Function, RunOn};
use crate::pg::calls::Call;
use crate::pg::datum;
use crate::pg::spi::Rows;
use pgrx::pg_sys::{Datum, Oid};

/// A connection's share of a call.
#[derive(Debug, PartialEq, Eq)]
pub struct Share {
    /// The partition that it is for, or the lowest one of them.
    pub partition: usize,
    /// The index of its connection string in the cluster.
    pub endpoint: usize,
    /// Under SPLIT the numbers of its elements, in order.
    pub elements: Vec<usize>,
}

/// The shares, in the order in which their connections are first selected.
struct Route<'c> {
    cluster: &'c Cluster,
    shares: Vec<Share>,
    /// For each endpoint the index of its share.
    by_endpoint: Vec<Option<usize>>,
}

impl Route<'_> {
    fn new(cluster: &Cluster) -> Route<'_> {
        Route { cluster, shares: Vec::new(), by_endpoint: vec![None; cluster.endpoint_count()] }
    }

    /// Selects a partition. Partitions with equal connection strings are one.
    fn select(&mut self, partition: usize) -> &mut Share {
        let endpoint = self.cluster.endpoint(partition);
        let next = self.shares.len();
        let share = *self.by_endpoint[endpoint].get_or_insert(next);
        if share == next {
            self.shares.push(Share { partition, endpoint, elements: Vec::new() });
        }
        let share = &mut self.shares[share];
        share.partition = share.partition.min(partition);
        share
    }

    /// Selects a partition for an element, which it gets once however often it is selected.
    fn select_for(&mut self, partition: usize, element: usize) {
        let share = self.select(partition);
        if share.elements.last() != Some(&element) {
            share.elements.push(element);
        }
    }

    /// Selects the partition of a hash value.
    fn hash(&self, type_oid: Oid, value: Option<Datum>) -> Result<usize, Problem> {
        let value = value.ok_or(Problem::HashNull)?;
        let hash = datum::integer(type_oid, value).ok_or(Problem::HashType)?;
        Ok(self.cluster.partition_of(hash))
    }
}

/// The route of a call without SPLIT.
pub fn whole(run_on: &RunOn, function: &Function, cluster: &Cluster, call: Call) -> Result<Vec<Share>, Problem> {
    let mut route = Route::new(cluster);
    match run_on {
        RunOn::Argument(argument) => {
            let partition = route.hash(function.arguments[*argument].oid(), call.argument(*argument))?;
            route.select(partition);
        }
        RunOn::Query(query) => query.run(call, |rows| {
            if rows.len() != 1 && !function.returns_set {
                return Err(Problem::HashCount);
            }
            let type_oid = rows.column_type(0);
            for row in 0..rows.len() {
                let partition = route.hash(type_oid, rows.datum(row, 0))?;
                route.select(partition);
            }
            Ok(())
        })?,
        RunOn::Elements(_) => return Err(Problem::HashCount), // only SPLIT makes these
        RunOn::Any => {
            route.select(fastrand::usize(..cluster.partition_count()));
        }
        RunOn::All => {
            for partition in 0..cluster.partition_count() {
                route.select(partition);
            }
        }
        RunOn::Partition(number) => {
            route.select(numbered(*number, cluster)?);
        }
    }
    Ok(route.shares)
}

/// The route of a call with SPLIT: RUN ON is evaluated for each element, with the elements in place of the arrays. No
/// elements go nowhere.
pub fn split(
    run_on: &RunOn,
    function: &Function,
    cluster: &Cluster,
    call: Call,
    split: &Split,
) -> Result<Vec<Share>, Problem> {
    let mut route = Route::new(cluster);
    let elements = 0..split.length;
    match run_on {
        _ if split.length == 0 => {}
        RunOn::Argument(argument) => {
            let codec = &function.arguments[*argument];
            let element_type = codec.element_type().map_or(codec.oid(), |element| element.oid);
            for element in elements {
                let partition = match split.element(*argument, element) {
                    Some(value) => route.hash(element_type, value)?,
                    None => route.hash(codec.oid(), call.argument(*argument))?,
                };
                route.select_for(partition, element);
            }
        }
        RunOn::Elements(query) => {
            let value = |argument, element| split.element(argument, element).unwrap_or_else(|| call.argument(argument));
            let one_by_one = query.single.repeat(split.length, value, |element, type_oid, value| {
                route.select_for(route.hash(type_oid, value)?, element);
                Ok(())
            });
            let at_once =
                || query.run(call, split.length, |rows| by_rows(&mut route, rows, split.length, function.returns_set));
            one_by_one.unwrap_or_else(at_once)?;
        }
        RunOn::Any => {
            for element in elements {
                route.select_for(fastrand::usize(..cluster.partition_count()), element);
            }
        }
        // These say the same for every element.
        RunOn::All | RunOn::Partition(_) | RunOn::Query(_) => {
            for share in whole(run_on, function, cluster, call)? {
                route.shares.push(Share { elements: elements.clone().collect(), ..share });
            }
        }
    }
    Ok(route.shares)
}

/// Selects partitions as the rows of an element query say.
fn by_rows(route: &mut Route<'_>, rows: &Rows<'_>, length: usize, returns_set: bool) -> Result<(), Problem> {
    let type_oid = rows.column_type(1);
    let mut numbers = Vec::with_capacity(rows.len());
    for row in 0..rows.len() {
        let number = rows.datum(row, 0).and_then(|number| datum::integer(rows.column_type(0), number));
        let element = number.and_then(|number| usize::try_from(number - 1).ok());
        numbers.push((element.ok_or(Problem::HashNull)?, row));
    }
    // The query gives them in order, unless the planner knows better one day.
    numbers.sort();
    if !returns_set && !numbers.iter().map(|&(element, _)| element).eq(0..length) {
        return Err(Problem::HashCount);
    }
    for (element, row) in numbers {
        route.select_for(route.hash(type_oid, rows.datum(row, 1))?, element);
    }
    Ok(())
}

/// A partition of each endpoint that isn't among the shares, in random order.
pub fn others(shares: &[Share], cluster: &Cluster) -> Vec<usize> {
    let mut is_known = vec![false; cluster.endpoint_count()];
    shares.iter().for_each(|share| is_known[share.endpoint] = true);
    let is_other = |&partition: &usize| !std::mem::replace(&mut is_known[cluster.endpoint(partition)], true);
    let mut others: Vec<_> = (0..cluster.partition_count()).filter(is_other).collect();
    fastrand::shuffle(&mut others);
    others
}

fn numbered(number: u32, cluster: &Cluster) -> Result<usize, Problem> {
    match usize::try_from(number) {
        Ok(number) if number < cluster.partition_count() => Ok(number),
        _ => Err(Problem::PartitionNumber),
    }
}
