//! What a call would do, or has done: for people to read, and for tools.
//!
//! The function is called as PostgreSQL calls it, through [`plan`] or [`analyze`]. The call then comes here by the way of
//! every call, so what is said is what a call does: as the same role, with the same settings. It is that one call and no
//! other which is explained: it is known by PostgreSQL's record of it, and what its arguments, its hash function and
//! whatever else runs before, inside or after it call are calls as always.

use super::observation::{Observation, Observations};
use super::plan::Plan;
use super::route::Share;
use crate::cluster;
use crate::conninfo;
use crate::error::Problem;
use crate::function::{Destination, Function, Name};
use crate::pg::calls::Call;
use crate::pg::roles;
use crate::pool;
use crate::wire::Format;
use pgrx::pg_sys::{Datum, Oid};
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::fmt::{self, Display, Formatter};
use std::time::{Duration, Instant};

/// All that there is to say of a call. Serialized it is what tools get.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// `schema.name(number of arguments)`.
    function: String,
    /// CLUSTER, RUN ON, CONNECT and SPLIT.
    destination: String,
    cluster: Option<ClusterFacts>,
    remote_sql: String,
    /// Whether the query is prepared on the shards: `auto`, `on`, `off`.
    prepared_statements: String,
    parameters: Vec<Parameter>,
    /// `None` if only the shard can tell what they are.
    columns: Option<Vec<ResultColumn>>,
    partitions: Vec<PartitionFacts>,
    #[serde(skip)]
    told: Told,
    /// How long the call took, from when it had been decided where it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_time: Option<f64>,
}

/// To whom the connection strings may be told. A SECURITY DEFINER function has found them with its owner's privileges.
#[derive(Clone, Copy, Debug)]
enum Told {
    /// They are in a function's body.
    Everybody,
    /// To those who have this role's privileges.
    Role(Oid),
    /// To those who may see the cluster's.
    Cluster,
}

#[derive(Debug, Serialize)]
struct ClusterFacts {
    name: String,
    /// `functions` or `server`.
    source: &'static str,
    version: Option<cluster::Version>,
    partitions: usize,
}

#[derive(Debug, Serialize)]
struct Parameter {
    number: usize,
    #[serde(rename = "type")]
    type_name: String,
    format: &'static str,
}

#[derive(Debug, Serialize)]
struct ResultColumn {
    /// Empty for a single value.
    name: String,
    #[serde(rename = "type")]
    type_name: String,
    format: &'static str,
}

#[derive(Debug, Serialize)]
struct PartitionFacts {
    /// `None` for a CONNECT.
    partition: Option<usize>,
    connection_string: Option<String>,
    #[serde(skip)]
    is_hidden: bool,
    /// Whether there is an idle connection.
    is_connected: bool,
    /// Under SPLIT how many elements it gets.
    elements: Option<usize>,
    /// What happened there, if it has.
    #[serde(flatten)]
    run: Option<Run>,
}

/// What happened on a shard. Times are in milliseconds since the call began, but for the first.
#[derive(Debug, Serialize)]
struct Run {
    /// How long connecting took, if that was needed.
    connect_time: Option<f64>,
    /// When the whole request was on its way.
    sent: Option<f64>,
    first_row: Option<f64>,
    /// When the answer was complete.
    last_row: Option<f64>,
    /// When it turned out that the call had to go elsewhere.
    failed: Option<f64>,
    rows: u64,
    bytes_out: u64,
    bytes_in: u64,
}

/// What stands for a connection string that isn't shown, as in `pg_stat_activity`.
const HIDDEN: &str = "<insufficient privilege>";

/// What is wanted of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wanted {
    #[default]
    Result,
    /// Of this call: only the plan.
    Plan(Call),
    /// Of this call: the result, and what happened.
    Analysis(Call),
}

thread_local! {
    static WANTED: Cell<Wanted> = const { Cell::new(Wanted::Result) };
    static EXPLANATION: RefCell<Option<Explanation>> = const { RefCell::new(None) };
}

/// What `call`, which `make` makes, would do. It isn't executed.
pub fn plan(call: Call, make: &dyn Fn()) -> Option<Explanation> {
    explain(Wanted::Plan(call), make)
}

/// What `call`, which `make` makes, does.
pub fn analyze(call: Call, make: &dyn Fn()) -> Option<Explanation> {
    explain(Wanted::Analysis(call), make)
}

fn explain(wanted: Wanted, make: &dyn Fn()) -> Option<Explanation> {
    struct Restore(Wanted);
    impl Drop for Restore {
        // Safe during abort: sets a variable.
        fn drop(&mut self) {
            WANTED.set(self.0);
        }
    }
    let _restore = Restore(WANTED.replace(wanted));
    EXPLANATION.take();
    make();
    EXPLANATION.take()
}

/// Whether this call is to be explained instead of executed. What it calls itself, hash functions say, is executed.
pub fn takes_over(call: Call) -> bool {
    let takes_over = WANTED.get() == Wanted::Plan(call);
    if takes_over {
        WANTED.set(Wanted::Result);
    }
    takes_over
}

/// Whether it is to be said what happened in this call.
pub fn is_wanted(call: Call) -> bool {
    WANTED.get() == Wanted::Analysis(call)
}

/// This call, of which [`is_wanted`] has said so, has come to its end.
pub fn analyzed(plan: &Plan<'_>, observations: &Observations) {
    let (observations, begun) = observations.all();
    let Some(begun) = begun else { return };
    let partitions = observations.iter().enumerate().map(|(number, observation)| {
        let mut facts = partition_facts(plan, observation.partition);
        facts.is_connected = observation.opening.is_none();
        // Elsewhere than planned goes only what isn't split.
        facts.elements = plan.shares.get(number).and_then(|share| elements(plan, share));
        facts.run = Some(Run::of(observation, begun));
        facts
    });
    let partitions = partitions.collect();
    let total_time = Some(milliseconds(begun.elapsed()));
    EXPLANATION.replace(Some(Explanation { partitions, total_time, ..Explanation::of(plan) }));
}

/// Explains a call, of which [`takes_over`] has said that it is to be.
pub fn take_over(function: &Function, call: Call) -> Result<Datum, Problem> {
    let plan = Plan::of(function, call)?;
    // A value that can't be sent is found here, too.
    plan.arguments(call).map_err(|problem| plan.access.to_blame(problem))?;
    EXPLANATION.replace(Some(Explanation::of(&plan)));
    Ok(call.null())
}

impl Explanation {
    /// As the current user may see it.
    pub fn for_current_user(mut self) -> Explanation {
        let is_visible = match (self.told, &self.cluster) {
            (Told::Everybody, _) => true,
            (Told::Role(role), _) => roles::has_privileges_of(role),
            (Told::Cluster, Some(cluster)) => cluster::find_cached(&cluster.name).is_some_and(|it| it.is_visible()),
            (Told::Cluster, None) => false,
        };
        if !is_visible {
            for partition in &mut self.partitions {
                (partition.connection_string, partition.is_hidden) = (None, true);
            }
        }
        self
    }

    fn of(plan: &Plan<'_>) -> Explanation {
        let Plan { function, shape, .. } = plan;
        let parameters = shape.query.parameters.iter().enumerate().map(|(index, &argument)| Parameter {
            number: index + 1,
            type_name: function.arguments[argument].type_sql().to_owned(),
            format: format_name(plan.parameter_format(argument)),
        });
        Explanation {
            function: function.label.clone(),
            destination: function.destination_text.clone(),
            cluster: cluster_facts(plan),
            remote_sql: shape.query.text.to_string(),
            prepared_statements: format!("{:?}", plan.prepare).to_lowercase(),
            parameters: parameters.collect(),
            columns: columns(plan),
            partitions: partitions(plan),
            told: match &function.destination {
                Destination::Connect(Name::Literal(_)) => Told::Everybody,
                Destination::Connect(_) => Told::Role(roles::current_user()),
                Destination::Cluster(..) => Told::Cluster,
            },
            total_time: None,
        }
    }
}

impl Run {
    fn of(observation: &Observation, begun: Instant) -> Run {
        let since = |instant: Instant| milliseconds(instant - begun);
        let opening = observation.opening.zip(observation.opened);
        Run {
            connect_time: opening.map(|(opening, opened)| milliseconds(opened - opening)),
            sent: observation.details.and_then(|details| details.all_sent).map(since),
            first_row: observation.details.and_then(|details| details.first_row).map(since),
            last_row: observation.ended.filter(|_| observation.failure.is_none()).map(since),
            failed: observation.ended.filter(|_| observation.failure.is_some()).map(since),
            rows: observation.rows,
            bytes_out: observation.traffic.sent,
            bytes_in: observation.traffic.received,
        }
    }
}

/// To a microsecond.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

fn cluster_facts(plan: &Plan<'_>) -> Option<ClusterFacts> {
    let name = plan.access.name()?;
    let cached = cluster::find_cached(name)?;
    Some(ClusterFacts {
        source: cached.source(),
        name: cached.name,
        version: cached.version,
        partitions: plan.cluster().partition_count(),
    })
}

fn columns(plan: &Plan<'_>) -> Option<Vec<ResultColumn>> {
    if plan.shape.query.is_users {
        return None;
    }
    let reading = plan.shape.reading(plan.text_only());
    let columns = plan.shape.returns.columns.iter().zip(reading.columns());
    let column = |(column, (_, format)): (&crate::function::ReturnColumn, _)| ResultColumn {
        name: column.name.clone(),
        type_name: column.codec.type_sql().to_owned(),
        format: format_name(format),
    };
    Some(columns.map(column).collect())
}

fn partitions(plan: &Plan<'_>) -> Vec<PartitionFacts> {
    let facts = |share| PartitionFacts { elements: elements(plan, share), ..partition_facts(plan, share.partition) };
    plan.shares.iter().map(facts).collect()
}

fn elements(plan: &Plan<'_>, share: &Share) -> Option<usize> {
    plan.split.as_ref().map(|_| share.elements.len())
}

fn partition_facts(plan: &Plan<'_>, partition: usize) -> PartitionFacts {
    let key = plan.access.key(plan.cluster().endpoint(partition));
    PartitionFacts {
        partition: plan.access.name().map(|_| partition),
        connection_string: conninfo::without_secrets(&key.connstr),
        is_hidden: false,
        is_connected: pool::entries().iter().any(|entry| !entry.is_in_use() && entry.key == key),
        elements: None,
        run: None,
    }
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Text => "text",
        Format::Binary => "binary",
    }
}

impl Display for Explanation {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "Function: {}", self.function)?;
        writeln!(out, "  Destination: {}", self.destination)?;
        if let Some(cluster) = &self.cluster {
            let plural = if cluster.partitions == 1 { "" } else { "s" };
            write!(out, "  Cluster: {}, {} partition{plural}, from ", cluster.name, cluster.partitions)?;
            match &cluster.version {
                Some(version) => writeln!(out, "functions, version {version}")?,
                None => writeln!(out, "a foreign server")?,
            }
        }
        writeln!(out, "  Remote SQL: {}", self.remote_sql)?;
        if !self.parameters.is_empty() {
            let parameters = self.parameters.iter();
            let parameters = parameters.map(|it| format!("${} {} ({})", it.number, it.type_name, it.format));
            writeln!(out, "  Parameters: {}", parameters.collect::<Vec<_>>().join(", "))?;
        }
        if let Some(columns) = &self.columns {
            let columns = columns.iter().map(|it| format!("{} {} ({})", it.name, it.type_name, it.format));
            let columns: Vec<_> = columns.map(|column| column.trim_start().to_owned()).collect();
            writeln!(out, "  Columns: {}", columns.join(", "))?;
        }
        writeln!(out, "  Prepared statements: {}", self.prepared_statements)?;
        self.partitions.iter().try_for_each(|partition| partition.fmt(out))?;
        self.total_time.map_or(Ok(()), |time| writeln!(out, "  Total time: {time:.3} ms"))
    }
}

impl Display for PartitionFacts {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.partition {
            Some(number) => write!(out, "  -> Partition {number}: ")?,
            None => write!(out, "  -> ")?,
        }
        let connection = if self.is_connected { "connected" } else { "to be connected" };
        let connstr = match &self.connection_string {
            Some(connstr) => connstr,
            None if self.is_hidden => HIDDEN,
            None => conninfo::NOT_A_CONNECTION_STRING,
        };
        write!(out, "{connstr} ({connection}")?;
        if let Some(elements) = self.elements {
            write!(out, ", {elements} element{}", if elements == 1 { "" } else { "s" })?;
        }
        writeln!(out, ")")?;
        self.run.as_ref().map_or(Ok(()), |run| run.fmt(out))
    }
}

impl Display for Run {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let times = [
            ("connecting took", self.connect_time),
            ("sent at", self.sent),
            ("first row at", self.first_row),
            ("last row at", self.last_row),
            ("failed at", self.failed),
        ];
        let times = times.iter().filter_map(|(what, time)| Some(format!("{what} {:.3} ms", (*time)?)));
        let plural = if self.rows == 1 { "" } else { "s" };
        let amounts = [
            format!("{} row{plural}", self.rows),
            format!("{} bytes out", self.bytes_out),
            format!("{} bytes in", self.bytes_in),
        ];
        writeln!(out, "       {}", times.chain(amounts).collect::<Vec<_>>().join(", "))
    }
}
